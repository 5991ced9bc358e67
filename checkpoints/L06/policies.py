"""Whether Postgres itself holds people apart, whatever the server's queries forget.

The server's side of it: it works there as on SQLite. The other side is in `row_security.py`.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from checkpoints.cluster import Cluster, Urls
from checkpoints.engine.client import ChatKit
from checkpoints.engine.conversation import Said, converse
from checkpoints.engine.plugin import Lab
from checkpoints.engine.provider import Call, CallTools, Provider, Reply, ToolUse
from checkpoints.engine.server import CannotStart
from checkpoints.engine.verdict import Failed
from checkpoints.engine.words import Words
from checkpoints.L06.door import knock, welcome
from checkpoints.L06.isolation import existence_leak
from checkpoints.L06.row_security import require_row_security
from checkpoints.L06.tables import Look, new_rows, still_there

CONVERSATIONS = 2  # of each person, so that the owner is all that their rows have in common
EXPIRED = 30 * 3600.0  # seconds: longer than a session may be idle


async def require_policies(lab: Lab, cluster: Cluster, model: Provider, words: Words) -> None:
    """Raise Failed unless the server works on a database of this cluster, and its policies hold."""
    urls = cluster.create_database()
    look = Look(cluster, urls)
    try:
        async with _on_postgres(lab, urls):
            alice, bob = await lab.person("alice"), await lab.person("bob")
            await welcome(alice, tried="Started the server on Postgres.")  # it may still fetch keys
            await _threads(alice)  # the tables are made at the first use
            before = look.rows()
            said, threads = await _live(alice, model, words)
            between = look.rows()
            await _live(bob, model, words)
            await _require_not_found(bob, threads)
            now = look.rows()
            await require_row_security(
                urls,
                look.tables(),
                nobodys=before,
                alices=still_there(new_rows(before, between), now),
                bobs=new_rows(between, now),
            )
            await _require_policies_in_use(alice, look, threads)
            await _require_clean_up(lab, alice, look, said)
    finally:
        cluster.drop_database(urls.name)


@asynccontextmanager
async def _on_postgres(lab: Lab, urls: Urls) -> AsyncIterator[None]:
    """The student's server on that database, until the next check starts it on SQLite again."""
    try:
        await lab.server.restart(DATABASE_URL=urls.app, DATABASE_OWNER_URL=urls.owner)
        yield
    except CannotStart as error:
        raise _breaks("Nothing was asked of it yet.", f"It did not start: {error}.") from None
    finally:
        await lab.server.process.stop()


async def _live(person: ChatKit, model: Provider, words: Words) -> tuple[Said, list[str]]:
    """Conversations with tasks in them. Returns what was said, and their threads."""

    def make_a_task(call: Call) -> Reply | None:
        if call.tool_outputs:
            return None
        return CallTools([ToolUse("create_task", {"title": words.sentence()})])

    said: Said = []
    threads = []
    try:
        for _ in range(CONVERSATIONS):
            model.forget()
            model.reply(make_a_task)
            turn = await person.say(words.sentence())
            turn.require_no_error()
            more, thread = await converse(person, model, words, turns=1, thread=turn.thread_id)
            said += more
            threads.append(thread)
    except Failed as error:
        raise _breaks(error.tried, error.observed) from None
    listed = await _threads(person)
    if sorted(listed) != sorted(threads):
        raise _breaks(
            f"Somebody began {CONVERSATIONS} conversations, and asked for the list of threads.",
            f"Of these, {len({*threads} & {*listed})} are in the list, and "
            f"{len({*listed} - {*threads})} others.",
        )
    return said, threads


async def _threads(person: ChatKit) -> list[str]:
    """The ids of the threads in a person's list."""
    try:
        return [one["id"] for one in (await person.ask("threads.list"))["data"]]
    except Failed as error:
        raise _breaks(error.tried, error.observed) from None


async def _require_not_found(bob: ChatKit, threads: list[str]) -> None:
    """Somebody else's thread is answered like one that does not exist, here too."""
    tried = "Bob asked for a thread of alice's, and for one that does not exist."
    for thread in threads:
        body = {"type": "threads.get_by_id", "params": {"thread_id": thread}}
        foreign = await knock(bob, body, tried=tried)
        if missing := await existence_leak(bob, body, [thread], foreign, tried=tried):
            raise _breaks(
                tried,
                f"The answers differ. Their status is {foreign.status} and {missing.status}.",
            )


async def _require_policies_in_use(alice: ChatKit, look: Look, threads: list[str]) -> None:
    """The server itself works under the policies: where they show nothing, it finds nothing."""
    with look.all_hidden():
        answer = await alice.post({"type": "threads.list", "params": {}})
    if any(thread in answer.text for thread in threads):
        raise Failed(
            tried="Started your server on Postgres, and gave each table one more policy, which shows "
            "nobody anything. Then alice asked for her threads.",
            observed="She got them: your server reads them in a role that no policy holds.",
            expected="`self.database.for_user(context.user_id)` for whatever somebody asks for. "
            "`for_maintenance()` is for the clean-up alone.",
            misconception="goes-past-policies",
        )


async def _require_clean_up(lab: Lab, alice: ChatKit, look: Look, said: Said) -> None:
    """The clean-up gets at everybody's rows, though no policy lets it."""
    lab.server.move_clock(EXPIRED)
    response = await alice.send("POST", "/clean-up")
    if response.status_code != 200:
        raise _breaks(
            "Let 30 hours pass, and called `/clean-up`.",
            f"It answered with status {response.status_code}.",
        )
    left = json.dumps(look.rows())
    if any(text in left for _, text in said):
        raise Failed(
            tried="Started your server on Postgres, had conversations, let 30 hours pass, and called "
            "`/clean-up`.",
            observed="It answered, and what was said is still in the database.",
            expected="Policies hold the clean-up too: while no user is set, it finds nothing to do. "
            "It is the one part that works for everybody, and says so with "
            "`self.database.for_maintenance()`.",
            misconception="clean-up-finds-nothing",
        )


def _breaks(tried: str, observed: str) -> Failed:
    return Failed(
        tried=f"Started your server with DATABASE_URL and DATABASE_OWNER_URL, on Postgres. {tried}",
        observed=observed,
        expected="What works on SQLite works on Postgres. `open_database()` takes the one or the other, "
        "each statement goes through `self.database.for_user(context.user_id)`, and the policies let "
        "people at what is theirs.",
        misconception="breaks-on-postgres",
    )
