"""Somebody else's threads and items: as if they were not there, whatever is asked of them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from checkpoints.engine import operations
from checkpoints.engine.client import ChatKit
from checkpoints.engine.conversation import converse
from checkpoints.engine.operations import Json
from checkpoints.engine.plugin import Lab
from checkpoints.engine.provider import Provider
from checkpoints.engine.verdict import Failed
from checkpoints.engine.words import Words
from checkpoints.L06.door import Answer, knock

HOUR = 3600.0  # seconds
_THERE = (
    "Both are answered alike, with the same status and the same body, and nothing of hers changes. "
    "The speaker is in the WHERE of every statement, so somebody else's row is one that is not there."
)


@dataclass(frozen=True)
class Theirs:
    """A conversation of somebody's: its thread and the id of its first message."""

    thread: str
    item: str


async def one_conversation(person: ChatKit, model: Provider, words: Words) -> Theirs:
    """A conversation of one question and its answer."""
    _, thread = await converse(person, model, words, turns=1)
    return Theirs(thread, (await person.items(thread))[0]["id"])


def _made_up(like: str) -> str:
    """An id of the same form that nobody has."""
    prefix, found, rest = like.rpartition("_")
    other = (secrets.choice("0123456789abcdef") if one.isalnum() else one for one in rest)
    return prefix + found + "".join(other)


async def _state(person: ChatKit, thread: str) -> str:
    """All that its owner is shown of a thread: in their list, by itself, and its items."""
    listed = await person.ask("threads.list", limit=100)
    shown: list[Any] = [one for one in listed["data"] if one["id"] == thread]
    for kind, params in (
        ("threads.get_by_id", {"thread_id": thread}),
        ("items.list", {"thread_id": thread, "limit": 100, "order": "asc"}),
    ):
        body = {"type": kind, "params": params}
        shown.append((await knock(person, body, tried=f"Asked for `{kind}`.")).text)
    return json.dumps(shown)


async def require_untouchable(
    alice: ChatKit, bob: ChatKit, hers: Theirs, his: Theirs, words: Words
) -> None:
    """Each operation of bob's with alice's ids ends like the same one with ids that nobody has.

    Once with her thread and her item, and where an item is named, with one of the two his own.
    """
    now = await _state(alice, hers.thread)
    for operation in operations.OF_AN_ID:
        targets = [(hers.thread, hers.item, "her thread")]
        if operation in operations.OF_AN_ITEM:
            targets = [
                (his.thread, hers.item, "his own thread, and of her item"),
                (hers.thread, his.item, "her thread, and of his own item"),
                (hers.thread, hers.item, "her thread, and of her item"),
            ]
        for thread, item, of in targets:
            body = operations.request(operation, thread, item, words.sentence())
            body["params"]["thread_id"] = thread  # also where the protocol takes none
            tried = f"Bob asked for `{operation}` of {of}"
            foreign = await knock(bob, body, tried=f"{tried}.")
            now = await _require_untouched(alice, hers, now, tried, foreign)
            if operation != "threads.create":  # each makes a new thread, with an id of its own
                await _require_as_if_missing(bob, hers, body, tried, foreign)


async def _require_untouched(
    alice: ChatKit, hers: Theirs, before: str, tried: str, foreign: Answer
) -> str:
    """Raise Failed where something of alice's has changed. Returns how it is."""
    after = await _state(alice, hers.thread)
    if before != after:
        raise Failed(
            tried=f"{tried}, with his own token.",
            observed="Alice's thread is another one after that: it has another title or other items, "
            f"or is not there. Bob got {foreign.short}",
            expected="Nothing of hers changes, whatever bob asks for. The speaker is in the WHERE of "
            "every statement, of those that write and delete too.",
            misconception="foreign-write",
        )
    return after


async def _require_as_if_missing(
    bob: ChatKit, hers: Theirs, body: Json, tried: str, foreign: Answer
) -> None:
    """Raise Failed unless bob gets the same answer for ids that nobody has."""
    ids = (hers.thread, hers.item)
    missing = await existence_leak(bob, body, ids, foreign, tried=f"{tried}.")
    if missing is None:
        return
    if foreign.status == 200 and foreign.text != "{}":
        observed = f"He got it: {foreign.short}"
        misconception = "foreign-read"
    elif missing.status >= 500:
        observed = f"For ids that nobody has, the server broke: {missing.short}"
        misconception = "missing-breaks-server"
    else:
        observed = f"Hers: {foreign.short}. Nobody's: {missing.short}"
        misconception = "existence-leak"
    raise Failed(
        tried=f"{tried}, with his own token; and the same of ids that nobody has.",
        observed=observed,
        expected=f"{_THERE} Whoever gets another answer knows that the id is somebody's."
        if misconception == "existence-leak"
        else _THERE,
        misconception=misconception,
    )


async def existence_leak(
    person: ChatKit, body: Json, ids: Sequence[str], foreign: Answer, *, tried: str
) -> Answer | None:
    """The answer to the same body with ids that nobody has, where it differs from `foreign`.

    None where the two are alike: then nobody learns from them that an id is somebody's.
    """
    nobody = {one: _made_up(one) for one in ids}
    missing = await knock(person, _replaced(body, nobody), tried=tried)
    ids = (*nobody, *nobody.values())
    return None if foreign.without(*ids) == missing.without(*ids) else missing


def _replaced(body: Json, ids: dict[str, str]) -> Json:
    text = json.dumps(body)
    for old, new in ids.items():
        text = text.replace(old, new)
    replaced: Json = json.loads(text)
    return replaced


async def require_session_untouched(
    lab: Lab, alice: ChatKit, bob: ChatKit, model: Provider, words: Words
) -> None:
    """Bob's messages do not make alice's session last longer, and its end is not told to him."""
    hers = await one_conversation(alice, model, words)
    lab.server.move_clock(20 * HOUR)
    await knock(bob, bob.message(words.sentence(), hers.thread), tried="Wrote to alice's thread.")
    lab.server.move_clock(5 * HOUR)
    tried = "Bob sent a message to a session of alice's that had expired"
    body = bob.message(words.sentence(), hers.thread)
    foreign = await knock(bob, body, tried=f"{tried}.")
    await _require_as_if_missing(bob, hers, body, tried, foreign)
    turn = await alice.say(words.sentence(), hers.thread)
    if turn.thread_id is None:
        raise Failed(
            tried="Alice's session was idle for 25 hours. Only bob had sent a message to it, after 20 "
            "hours, which was refused. Then alice sent one.",
            observed="It went on: bob's message had made her session last longer.",
            expected="Nothing of hers changes. A session is looked up by its thread and its owner.",
            misconception="foreign-write",
        )


async def require_names_apart(lab: Lab, model: Provider, words: Words) -> None:
    """Names that are nearly equal, or that mean something in SQL, are somebody else's all the same."""
    long = words.word() * 20  # 160 characters
    hers = await one_conversation(await lab.person(f"{long}-alice"), model, words)
    others = {
        f"{long}-carol": "a name that begins with the same 160 characters",
        f"{long}-ALICE": "the same name in capital letters",
        "%": "the name `%`, which stands for anything in a LIKE",
        "_" * len(f"{long}-alice"): "a name of underscores, which stand for any letter in a LIKE",
        "o'brien": "the name `o'brien`, which ends a text where it is put into SQL",
        "x' OR '1'='1": "the name `x' OR '1'='1`, which is a condition where it is put into SQL",
    }
    for name, what in others.items():
        answer = await knock(
            await lab.person(name), tried=f"Somebody with {what} asked for a list."
        )
        if answer.status >= 500:
            raise Failed(
                tried=f"Somebody with {what} asked for `threads.list`.",
                observed=f"The server broke: {answer.short}",
                expected="Names go to the database as parameters (`?`), never as a part of the SQL.",
                misconception="names-mixed-up",
            )
        if hers.thread in answer.text:
            raise Failed(
                tried=f"Somebody began a conversation. Somebody else, with {what}, asked for "
                "`threads.list`.",
                observed="The first one's thread is in it.",
                expected="Users are the same where `sub` is equal, letter by letter, and their names "
                "go to the database as parameters (`?`), never as a part of the SQL.",
                misconception="names-mixed-up",
            )


async def require_own_lists(alice: ChatKit, bob: ChatKit, model: Provider, words: Words) -> None:
    """Bob's list has his threads, page by page, and no cursor of alice's is one to go on after."""
    his = [await one_conversation(bob, model, words) for _ in range(3)]
    hers = [await one_conversation(alice, model, words) for _ in range(3)]
    page = await bob.ask("threads.list", limit=2, order="desc")
    ids = [thread["id"] for thread in page["data"]]
    wanted = [one.thread for one in reversed(his)][:2]
    strangers = [one.thread for one in hers if one.thread in ids]
    if strangers:
        raise Failed(
            tried="Alice and bob began conversations. Bob asked for the list of his threads.",
            observed=f"{len(strangers)} of {len(ids)} threads in it are alice's.",
            expected="`threads.list` has the speaker's threads and no others.",
            misconception="list-unscoped",
        )
    if ids != wanted:
        raise Failed(
            tried="Bob began three conversations, and then alice three. Bob asked for the two newest "
            "of his threads (`limit` 2).",
            observed=f"He got {len(ids)} threads, and they are not his two newest.",
            expected="First it is asked whose a thread is, in the query, and then the page is cut. "
            "Who filters a page afterwards has pages with holes.",
            misconception="filtered-after-paging",
        )
    cursors: list[tuple[str, Json, str]] = [
        ("threads.list", {"limit": 5, "order": order}, hers[1].thread) for order in ("asc", "desc")
    ]
    of_his = {"thread_id": his[0].thread, "limit": 5}
    cursors += [
        ("items.list", {**of_his, "order": order}, hers[1].item) for order in ("asc", "desc")
    ]
    for operation, params, cursor in cursors:
        what = "thread" if operation == "threads.list" else "item"
        tried = f"Bob asked for `{operation}` of his own, to go on after a {what} of alice's"
        body = {"type": operation, "params": {**params, "after": cursor}}
        foreign = await knock(bob, body, tried=tried)
        if missing := await existence_leak(bob, body, [cursor], foreign, tried=tried):
            raise Failed(
                tried=f"{tried}; and the same after one that nobody has.",
                observed=f"Hers: {foreign.short}. Nobody's: {missing.short}",
                expected="Both are answered alike: a cursor is looked up among the speaker's own rows.",
                misconception="foreign-cursor",
            )
