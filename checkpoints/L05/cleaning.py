"""The clean-up, read in the audit trail, in what is left for the living, and on the disk."""

from __future__ import annotations

import asyncio

from checkpoints.engine.client import ChatKit
from checkpoints.engine.conversation import converse, messages_in
from checkpoints.engine.lockstep import eventually
from checkpoints.engine.midway import Script, midway
from checkpoints.engine.plugin import Lab
from checkpoints.engine.provider import Provider, Say
from checkpoints.engine.verdict import Failed
from checkpoints.engine.words import Words
from checkpoints.L05.expiry import HOUR

BULK, BULK_CHARACTERS = 30, 50_000  # messages that are worth giving back: 1.5 MB
SESSIONS = 8  # that one clean-up has to take
WRITERS = 8  # people who write while the clean-up runs


async def clean_up(person: ChatKit) -> None:
    """Ask the server to clean up. Raises Failed where it does not."""
    response = await person.send("POST", "/clean-up")
    if response.status_code >= 300:
        raise Failed(
            tried="Sent `POST /clean-up`.",
            observed=f"The status is {response.status_code}.",
            expected="It cleans up what has expired and answers with a 200.",
            misconception="no-clean-up-on-demand",
        )


async def require_cleaned_on_demand(
    lab: Lab, alice: ChatKit, model: Provider, words: Words
) -> None:
    """`POST /clean-up` removes an expired session, and the trail says so."""
    _, thread = await converse(alice, model, words, turns=1)
    lab.server.move_clock(25 * HOUR)
    await clean_up(alice)
    if not await eventually(lambda: "cleaned" in lab.server.audited(thread)):
        trail = lab.server.audited(thread)
        raise Failed(
            tried="Let a session expire, and sent `POST /clean-up`.",
            observed="The audit trail does not say that it was cleaned."
            if trail
            else "The audit trail says nothing at all about the session.",
            expected='It is deleted, and `audit.record("cleaned", …)` of `shared.audit` says so.',
            misconception="not-cleaned" if trail else "no-audit-trail",
        )


async def require_cleaned_daily(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """The server cleans up when days pass and nobody asks for it."""
    _, thread = await converse(alice, model, words, turns=1)
    for _ in range(2):  # expired at the end of the first day, and one more night
        lab.server.move_clock(25 * HOUR)
        await asyncio.sleep(0.1)
    if not await eventually(lambda: "cleaned" in lab.server.audited(thread)):
        raise Failed(
            tried="Let two days pass on the server's clock after the last message of a session.",
            observed="The audit trail does not say that it was cleaned.",
            expected="A task that begins in the lifespan cleans up each day. It sleeps with "
            "`shared.clock.sleep`.",
            misconception="no-daily-clean-up",
        )


async def require_living_spared(
    lab: Lab, alice: ChatKit, bob: ChatKit, model: Provider, words: Words
) -> None:
    """A clean-up takes all that has expired and nothing else, and nobody waits for it."""
    old = [(await converse(alice, model, words, turns=2))[1] for _ in range(SESSIONS)]
    kept, living = await converse(bob, model, words, turns=2)
    lab.server.move_clock(20 * HOUR)
    more, _ = await converse(bob, model, words, turns=1, thread=living)
    lab.server.move_clock(5 * HOUR)
    script = Script(model)
    questions = [words.sentence() for _ in range(WRITERS)]
    for question in questions:
        script.answer(question, Say("ok"))
    async with midway(bob, script, words) as running:
        tried = f"Cleaned up while {WRITERS} people wrote and one answer was on its way."
        cleaning = asyncio.create_task(clean_up(alice))
        turns = await asyncio.gather(*(alice.say(question) for question in questions))
        await cleaning
        running.gate.open()
        await running.turn.read_all()
    if any(turn.of_type("error") or not turn.answers for turn in [*turns, running.turn]):
        raise Failed(
            tried=tried,
            observed="Somebody got an error, or no answer.",
            expected="Everybody writes on as if nothing were. The clean-up deletes a little at a "
            "time, on the same Database, so nobody finds it locked.",
            misconception="clean-up-blocks",
        )
    if messages_in(await bob.items(living)) != kept + more:
        raise Failed(
            tried="Cleaned up. One session was 25 hours old, and its last message 5 hours.",
            observed="Its messages are gone, or some of them.",
            expected="Only what has expired is deleted; this one is alive.",
            misconception="cleans-the-living",
        )
    if spared := [thread for thread in old if "cleaned" not in lab.server.audited(thread)]:
        raise Failed(
            tried=f"Let {SESSIONS} sessions expire, and cleaned up.",
            observed=f"{len(spared)} of them were not cleaned.",
            expected="A clean-up takes all that has expired.",
            misconception="cleans-some",
        )


async def require_space_given_back(lab: Lab, alice: ChatKit, words: Words) -> None:
    """The database is smaller on the disk when a large session was cleaned."""
    text = words.sentence() + " " + "x" * BULK_CHARACTERS
    thread = None
    for _ in range(BULK):
        turn = await alice.say(text, thread)
        thread = thread or turn.thread_id
    full = await _stored_bytes(lab)
    lab.server.move_clock(25 * HOUR)
    await clean_up(await lab.person("alice"))
    await eventually(lambda: "cleaned" in lab.server.audited(thread or ""))
    left = await _stored_bytes(lab)
    if left > full - BULK * BULK_CHARACTERS / 2:
        raise Failed(
            tried=f"Filled a session with {BULK * BULK_CHARACTERS:,} characters, let it expire, and "
            "cleaned up.",
            observed=f"The database had {full:,} bytes before and has {left:,} bytes after it.",
            expected="Its items are deleted, and the space is given back: `database.shrink()`.",
            misconception="space-kept",
        )


async def _stored_bytes(lab: Lab) -> int:
    """What the database takes on the disk. The server is stopped for it: then nothing is on its way."""
    await lab.server.process.stop()
    size = lab.server.stored_bytes
    await lab.server.start()
    return size


async def require_whole_trail(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """Each change of a session's state stands in the trail once, with its owner."""
    _, thread = await converse(alice, model, words, turns=2)
    lab.server.move_clock(2 * HOUR)
    await converse(alice, model, words, turns=1, thread=thread)
    lab.server.move_clock(25 * HOUR)
    await alice.say(words.sentence(), thread)
    await alice.say(words.sentence(), thread)
    await clean_up(alice)
    await eventually(lambda: "cleaned" in lab.server.audited(thread))
    trail = lab.server.audited(thread)
    wanted = ["created", "resumed", "expired", "cleaned"]
    tried = (
        "A session of alice's: two messages, one more after 2 hours, two after 25 hours, clean-up."
    )
    if trail != wanted:
        raise Failed(
            tried=tried,
            observed=f"The trail says of it: {', '.join(trail) or 'nothing'}.",
            expected=f"{', '.join(wanted)}: each once. “Resumed” is a message after a break of more "
            "than 30 minutes.",
            misconception="audit-trail",
        )
    users = {fact.get("user") for fact in lab.server.audit if fact.get("session") == thread}
    if users != {"alice"}:
        raise Failed(
            tried=tried,
            observed=f"The trail names as its user: {', '.join(map(str, users))}.",
            expected="Each line names the session's owner.",
            misconception="audit-trail",
        )
