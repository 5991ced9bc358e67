"""What lesson 6 asks for, tried from outside over HTTP: with tokens, with forged ones, and without.

Whom the server takes somebody for is seen in what the agent's tools do for them. How tokens are
checked and where owners are kept is the student's own affair.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from checkpoints import lesson as lessons
from checkpoints.cluster import Cluster
from checkpoints.engine import forgery, operations
from checkpoints.engine.client import ChatKit
from checkpoints.engine.conversation import compare, converse
from checkpoints.engine.lockstep import require_streaming
from checkpoints.engine.midway import Script, midway
from checkpoints.engine.plugin import Lab
from checkpoints.engine.provider import Gate, Provider, ToolUse
from checkpoints.engine.skill import require_skill
from checkpoints.engine.verdict import Failed, check
from checkpoints.engine.warm import Starter
from checkpoints.engine.words import Words
from checkpoints.L04.still import require_stops
from checkpoints.L06 import tasks
from checkpoints.L06.door import knock, require_refused, send, showing, welcome
from checkpoints.L06.isolation import (
    one_conversation,
    require_names_apart,
    require_own_lists,
    require_session_untouched,
    require_untouchable,
)
from checkpoints.L06.keys import (
    require_few_fetches,
    require_few_for_strangers,
    require_outage_survived,
    require_rotation,
)
from checkpoints.L06.policies import require_policies
from checkpoints.L06.sabotage import require_telling_tests
from checkpoints.L06.threats import require_threats
from checkpoints.L06.tokens import (
    require_disbelieved,
    require_expiry_noticed,
    require_no_name_instead,
    require_only_the_token_counts,
    require_strangers_refused,
    require_told_apart,
)
from checkpoints.L06.traces import require_untold

LESSON = lessons.load(6)

LONG_AGO = 25 * 3600.0  # seconds: a session that was idle for so long has expired
CONCEPTS = {
    "the validation of tokens": ("signature", "signed", "verif", "validat"),
    "the user, from the token alone": ("sub", "claim", "header"),
    "isolation in the Store": ("isolat", "owner", "where", "every row", "every query"),
    "one answer for foreign and missing": ("404", "exist", "missing", "not found", "not-found"),
    "keys and their rotation": ("key", "jwks", "rotat"),
    "defence in depth, such as policies": ("depth", "polic", "row-level", "second"),
}
_SIGNED = (
    "Only a token that a key of the issuer's has signed, with ES256 or RS256, is believed. Your code "
    "says which algorithms it allows; the token does not."
)
_CLAIMED = (
    "`exp`, `iss`, `aud` and `sub` have to be there and to be right: not expired, from this issuer, "
    "for this server, about somebody (1 to 255 printable characters). `nbf`, where it is there, has "
    "come."
)
_READABLE = "What cannot be read is not good: a 401, as for each other bad token."


@check(why="Everything else needs a server that runs.", keeps=True)
async def check_starts(lab: Lab) -> None:
    """Your app starts."""


@check(
    needs=(check_starts,),
    why="Streaming, memory, interruption and sessions are what people come back for.",
    keeps=True,
)
async def check_still_works(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """What the lessons before made still works, for people who are signed in."""
    tried = "Asked for the list of threads, with a good token."
    if (answer := await welcome(alice, tried=tried)).status == 401:
        raise Failed(
            tried=tried,
            observed=f"It was refused: {answer.short}",
            expected="A token of the issuer that the settings name, for the audience that they name, is "
            "believed. Its header `kid` says by which of the published keys to check it.",
            misconception="good-token-refused",
        )
    if answer.status >= 500:
        raise Failed(
            tried=tried,
            observed=f"The server broke: {answer.short}",
            expected="Status 200 and a list.",
            misconception="server-broke",
        )
    await require_streaming(alice, model, words)
    said, thread = await converse(alice, model, words, turns=1)
    device = (await lab.person("alice")).sending(alice.headers)
    more, _ = await converse(device, model, words, turns=1, thread=thread)
    compare("The second one came from another device.", said + more, await alice.items(thread))
    heard = "\n".join(text for call in model.calls for _, text in call.messages)
    await require_stops(alice, device, model, words)
    lab.server.move_clock(LONG_AGO)
    turn = await alice.say(words.sentence(), thread)
    if said[1][1] not in heard:
        observed = "The model was not sent what had been said before."
    elif turn.thread_id in (None, thread) or not turn.of_type("notice"):
        observed = "A message after 25 hours got no new conversation, or no notice that it is one."
    else:
        return
    raise Failed(
        tried="Sent two messages to a thread, from two devices, and a third one 25 hours later.",
        observed=observed,
        expected="Memory is as in lesson 4, and expiry as in lesson 5.",
        misconception="lesson-lost",
    )


# Who is speaking


@check(
    needs=(check_still_works,),
    why="One operation without a lock is a house without one.",
    covers=("LO-016", "SC-006"),
)
async def check_without_token(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """Without a token, each of the 16 operations is refused with a 401, before anything happens."""
    hers = await one_conversation(alice, model, words)
    await require_strangers_refused(lab, alice.sending({}), model, words, hers)


@check(
    needs=(check_without_token,),
    why="Whose something is can only be as sure as who somebody is.",
    covers=("LO-016", "LO-017"),
)
async def check_signed_in(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """Whoever has a good token is the user that it names, with each token of theirs."""
    await require_told_apart(alice, lab.identity, model, words)


@check(
    needs=(check_signed_in,),
    why="Anybody can write a token. Only the issuer can sign one.",
    covers=("LO-017", "SC-006"),
)
async def check_forged_tokens(lab: Lab, alice: ChatKit) -> None:
    """A token that the issuer has not signed is refused."""
    await require_disbelieved(alice, forgery.signatures(lab.identity, "alice"), _SIGNED)


@check(
    needs=(check_forged_tokens,),
    why="A good signature says who made the token. What it is good for, and how long, the claims say.",
    covers=("LO-017", "SC-006"),
)
async def check_claims(lab: Lab, alice: ChatKit) -> None:
    """A token that has expired, or is not meant for this server, is refused."""
    await require_disbelieved(alice, forgery.claims(lab.identity, "alice"), _CLAIMED)
    await require_expiry_noticed(alice, lab.identity)


@check(
    needs=(check_forged_tokens,),
    why="What strangers send decides nothing about your server, and each error 500 wakes somebody up.",
    covers=("LO-017", "SC-006"),
)
async def check_garbage(lab: Lab, alice: ChatKit) -> None:
    """What is no token at all is refused like a bad one, and breaks nothing."""
    for value, what in forgery.garbage(lab.identity.token("alice")):
        tried = f"Sent the header Authorization with {what}."
        answer = await knock(alice.sending({"Authorization": value}), tried=tried)
        require_refused(answer, tried, "garbage-let-in", _READABLE)


@check(
    needs=(check_garbage,),
    why="A header is as easy to write as a name tag.",
    covers=("LO-016", "SC-006"),
)
async def check_token_decides(alice: ChatKit, bob: ChatKit, model: Provider, words: Words) -> None:
    """The token alone says who is speaking: no header, no query, no body does."""
    await require_no_name_instead(alice)
    await require_only_the_token_counts(alice, bob, model, words)


# What is theirs


@check(
    needs=(check_token_decides,),
    why="An id may be guessed, or read over a shoulder. It must open nothing, and not even tell that "
    "there is something to open.",
    covers=("LO-016", "SC-006"),
)
async def check_foreign_threads(
    lab: Lab, alice: ChatKit, bob: ChatKit, model: Provider, words: Words
) -> None:
    """Somebody else's thread is answered like one that does not exist, by all 16 operations."""
    hers, his = [await one_conversation(person, model, words) for person in (alice, bob)]
    await require_untouchable(alice, bob, hers, his, words)
    await require_session_untouched(lab, alice, bob, model, words)


@check(
    needs=(check_foreign_threads,),
    why="A list shows what nobody has asked for by its id.",
    covers=("LO-016", "SC-006"),
)
async def check_lists(
    lab: Lab, alice: ChatKit, bob: ChatKit, model: Provider, words: Words
) -> None:
    """Lists, their pages and their cursors know only what is the speaker's."""
    await require_own_lists(alice, bob, model, words)
    await require_names_apart(lab, model, words)


@check(
    needs=(check_token_decides,),
    why="The agent acts for whoever is speaking, also while others speak.",
    covers=("LO-016", "SC-006"),
)
async def check_own_tasks(alice: ChatKit, bob: ChatKit, model: Provider, words: Words) -> None:
    """The agent's tools see the tasks of whoever is speaking in their turn."""
    script, gate = Script(model), Gate()
    titles = [await tasks.create(person, script, words) for person in (alice, bob)]
    turn = tasks.ToolTurn(script, words, ToolUse("list_tasks", {}), gate)
    taking = asyncio.create_task(turn.take(alice))
    await turn.begun()
    his = await tasks.listed(bob, script, words)
    gate.open()
    hers = await taking
    for own, other, found, who in ((*titles, hers, "alice"), (*titles[::-1], his, "bob")):
        if own not in found or other in found:
            raise Failed(
                tried="Alice sent a message. While the model thought about it, bob sent one. In both "
                f"turns the agent's tool listed the tasks; looked at those of {who}'s turn.",
                observed="They are somebody else's."
                if other in found
                else "Their own task is missing.",
                expected="Each turn has its own request context, and tools ask that one who is "
                "speaking. What is global, such as a variable of a module, is everybody's at once.",
                misconception="tasks-mixed-up",
            )


@check(
    needs=(check_foreign_threads,),
    why="Whoever may not read a conversation may not stop it either.",
    covers=("LO-016", "SC-006"),
)
async def check_other_peoples_turns(
    alice: ChatKit, bob: ChatKit, model: Provider, words: Words
) -> None:
    """An answer on its way goes on, whatever others send to its thread."""
    async with midway(alice, Script(model), words) as answer:
        item = (await alice.items(answer.thread))[0]["id"]
        for operation in operations.OF_A_THREAD:
            for person, who in ((bob, "Bob"), (bob.sending({}), "Somebody without a token")):
                tried = f"{who} asked for `{operation}` of alice's thread while she read an answer."
                await knock(
                    person,
                    operations.request(operation, answer.thread, item, words.sentence()),
                    tried=tried,
                )
                if answer.turn.over() or answer.stopped():
                    raise _interrupted(tried)
        answer.gate.open()
        await answer.turn.read_all()
    if answer.turn.streamed_text.strip() != answer.text.strip():
        raise _interrupted(
            "Others asked for operations of alice's thread while she read an answer."
        )


def _interrupted(tried: str) -> Failed:
    return Failed(
        tried=tried,
        observed="Her answer stopped in the middle.",
        expected="Her turn goes on to its end. First it is asked whose the thread is, and then the turn "
        "that runs in it is stopped.",
        misconception="foreign-interruption",
    )


@check(
    needs=(check_token_decides,),
    why="A server has more doors than the one with a name plate.",
    covers=("LO-018", "SC-006"),
)
async def check_other_doors(lab: Lab, alice: ChatKit) -> None:
    """POST /clean-up asks for a token too; the console's page needs none."""
    forged = next(forgery.signatures(lab.identity, "alice"))
    for stranger, what in (
        (alice.sending({}), "without a token"),
        (alice.sending({"X-Demo-User": "alice"}), "without a token, and with a name"),
        (showing(alice, forged.token), f"with a token that {forged.what}"),
    ):
        tried = f"Sent `POST /clean-up` {what}."
        expected = "Each address that does something asks for a token, with the same dependency."
        require_refused(await send(stranger, "POST", "/clean-up"), tried, "open-door", expected)
    for person, method, path in (
        (alice, "POST", "/clean-up"),
        (alice.sending({}), "GET", "/"),
        (alice.sending({}), "GET", "/console/config.json"),
    ):
        answer = await send(person, method, path)
        if answer.status != 200:
            raise Failed(
                tried=f"Sent `{method} {path}` "
                + ("with a good token." if path == "/clean-up" else "without a token."),
                observed=f"The answer was {answer.short}",
                expected="The page has to come before anybody can sign in, and holds nothing of "
                "anybody's. Who is signed in may clean up.",
                misconception="shut-out",
            )


@check(
    needs=(check_claims, check_garbage),
    why="Logs are read by many, and kept for long. A token in a log is a key under the mat.",
    covers=("LO-018", "SC-006"),
)
async def check_nothing_is_told(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """No token is found in the log, in the audit trail, in the database, or in an answer."""
    identity = lab.identity
    given = [alice.headers["Authorization"].removeprefix("Bearer ")]
    answers = []
    for one in (*forgery.signatures(identity, "alice"), *forgery.claims(identity, "alice")):
        given.append(one.token)
        answers.append(
            await knock(showing(alice, one.token), tried=f"Sent a token that {one.what}.")
        )
    _, thread = await converse(alice, model, words, turns=1)
    answers.append(await knock(alice, alice.message(words.sentence(), thread), tried="Said more."))
    texts = [f"{answer.challenge}\n{answer.text}" for answer in answers]
    require_untold(lab, given, texts)


# Further


@check(
    needs=(check_garbage,),
    why="Whoever asks the issuer each time is as slow as the issuer, and as often away.",
    core=False,
    covers=("LO-017",),
)
async def check_keys_are_kept(lab: Lab, words: Words) -> None:
    """The issuer's keys are fetched once and kept, and made-up key ids do not change that."""
    await lab.server.restart()
    await require_few_fetches(lab)
    await require_few_for_strangers(lab, await lab.person("alice"), words)


@check(
    needs=(check_keys_are_kept,),
    why="Issuers change their keys, some each night. Nobody starts your server anew for it.",
    core=False,
    covers=("LO-017",),
)
async def check_rotation(lab: Lab) -> None:
    """A new key of the issuer is believed within 30 seconds, and the last one goes on being good."""
    await lab.server.restart()
    await require_rotation(lab)


@check(
    needs=(check_keys_are_kept,),
    why="Other people's servers fail. Whoever is signed in with you should not notice.",
    core=False,
    covers=("LO-017", "LO-018"),
)
async def check_issuer_is_down(lab: Lab, words: Words) -> None:
    """While the issuer is down, people whose key is known are served, and nothing breaks."""
    await lab.server.restart()
    try:
        await require_outage_survived(lab, words)
    finally:
        lab.identity.down = lab.identity.stalled = False
        await lab.server.process.stop()  # the next check finds a server that has no keys yet


@check(
    needs=(check_foreign_threads, check_lists, check_own_tasks),
    why="One query without its condition is enough to show everybody's conversations. A policy holds "
    "for every query, also for those that somebody writes next year.",
    core=False,
    covers=("LO-017", "SC-006"),
)
async def check_policies(lab: Lab, cluster: Cluster, model: Provider, words: Words) -> None:
    """On Postgres, the database shows and takes only the rows of the user who is set."""
    await require_policies(lab, cluster, model, words)


@check(
    why="Every product with users needs this again, and a mistake in it is in the newspaper. Written "
    "down as a skill, it can be handed to an agent, and to yourself in a year.",
    core=False,
    covers=("LO-018",),
)
async def check_skill(work: Path, remark: Callable[[str], None]) -> None:
    """The skill chatkit-auth-security is valid, and says what has to be decided."""
    found = require_skill(
        work,
        "chatkit-auth-security",
        decisions=6,
        touching=CONCEPTS,
        known={"the template": LESSON.template, "the lesson": LESSON.text},
    )
    remark(f"It has {found} decision points. Whether they are the right ones, a person judges.")


@check(
    why="A test that cannot fail protects nobody. These will still look when you have forgotten.",
    core=False,
    covers=("LO-018",),
)
async def check_tests(work: Path, starter: Starter, remark: Callable[[str], None]) -> None:
    """Your tests pass on a right server, and find the hole in each of those that have one."""
    await require_telling_tests(work, starter, remark)


@check(
    needs=(check_tests,),
    why="Whoever lists the attacks first knows what has to be defended, and what is not tested yet.",
    core=False,
    covers=("LO-018",),
)
async def check_threats(work: Path, remark: Callable[[str], None]) -> None:
    """Your table names the attacks, what stops each, and the test that shows it."""
    require_threats(work, remark)
