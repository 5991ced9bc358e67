"""What lesson 5 asks for, tried from outside over HTTP.

The server's clock moves when the check moves it, so a day passes at once. What became of sessions
is read in the audit trail; how they are stored is the student's own affair.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from checkpoints import lesson as lessons
from checkpoints.engine.client import ChatKit, Turn
from checkpoints.engine.conversation import Said, compare, converse, messages_in
from checkpoints.engine.lockstep import eventually, require_streaming
from checkpoints.engine.midway import Script, midway
from checkpoints.engine.plugin import Lab
from checkpoints.engine.provider import Provider, Say
from checkpoints.engine.skill import require_skill
from checkpoints.engine.verdict import Failed, check
from checkpoints.engine.words import Words

LESSON = lessons.load(5)

HOUR = 3600.0
DAY = 24 * HOUR
EAST, WEST, UTC = "EAST-14", "WEST+11", "UTC0"  # as POSIX writes them: no table of zones is needed
IDS = 12  # threads whose ids are looked at
RANDOM_CHARACTERS = 16  # of an id: 64 bits, where they are hexadecimal
BULK, BULK_CHARACTERS = 30, 50_000  # messages that are worth giving back: 1.5 MB
SESSIONS = 8  # that one clean-up has to take
WRITERS = 8  # people who write while the clean-up runs
CONCEPTS = {
    "beginning and resuming": ("begin", "creat", "resum", "continu", "return"),
    "an idle timeout": ("idle", "inactiv"),
    "an absolute timeout": ("absolute", "longest", "maximum", "lifetime", "whatever"),
    "expiry without an error": ("error", "notice", "grace", "gentl"),
    "a clean-up in small steps": ("slice", "batch", "chunk", "small", "step", "few"),
    "an audit trail": ("audit", "trail", "log"),
}


@check(why="Everything else needs a server that runs.", keeps=True)
async def check_starts(lab: Lab) -> None:
    """Your app starts."""


@check(
    needs=(check_starts,),
    why="Streaming, interruption and memory are what people come back for.",
    keeps=True,
)
async def check_still_works(alice: ChatKit, model: Provider, words: Words) -> None:
    """What the lessons before made still works: streaming, stopping, remembering."""
    await require_streaming(alice, model, words)
    said, thread = await converse(alice, model, words, turns=2)
    compare("Then listed the thread's items.", said, await alice.items(thread))
    _require_memory("Sent three messages to one thread.", model, said[0][1])
    script = Script(model)
    async with midway(alice, script, words) as old:
        question = words.sentence()
        script.answer(question, Say("ok"))
        await alice.say(question, old.thread)
        stopped = await eventually(old.stopped)
    stored = [text for _, text in messages_in(await alice.items(old.thread))]
    if not stopped or stored != [old.question, stored[1], question, "ok"]:
        raise Failed(
            tried="Sent a message while the answer to the one before was on its way.",
            observed="The answer went on, or what was said of it is not stored before the message.",
            expected="As in lesson 3: the run stops, and its partial text is kept.",
            misconception="lesson-lost",
        )


def _require_memory(tried: str, model: Provider, earlier: str) -> None:
    heard = [text for call in model.calls for _, text in call.messages]
    if not any(earlier in text for text in heard):
        raise Failed(
            tried=tried,
            observed=f"For the last one, the model was not sent the earlier message “{earlier}”.",
            expected="The conversation goes on where it was, with its history (lesson 4).",
            misconception="history-lost",
        )


# New sessions, and coming back


@check(
    needs=(check_still_works,),
    why="Whoever can guess an id can try it. Until lesson 6, and after a mistake in it, a long random "
    "id is the only lock.",
    covers=("LO-013", "SC-005"),
    keeps=True,
)
async def check_new_sessions(alice: ChatKit, bob: ChatKit, model: Provider, words: Words) -> None:
    """Each new conversation is a session of its own, with an id that nobody can guess."""
    people = [alice, bob] * (IDS // 2)
    ids = [(await converse(person, model, words, turns=1))[1] for person in people]
    tried = f"Two people began {IDS} conversations."
    if len(set(ids)) < IDS:
        raise Failed(
            tried=tried,
            observed=f"They have only {len(set(ids))} different ids.",
            expected="`threads.create` begins a session with an id of its own, also for a person "
            "who has one already.",
            misconception="one-session",
        )
    changing = min(
        sum(one != other for one, other in zip(first, second, strict=False))
        for first, second in pairwise(ids)
    )
    # Of random hexadecimal digits every sixteenth is the same by chance.
    if changing < RANDOM_CHARACTERS * 5 // 8:
        raise Failed(
            tried=tried,
            observed=f"Ids that follow each other hardly differ: `{ids[0]}`, `{ids[1]}`.",
            expected="An id holds at least 64 random bits, such as `secrets.token_hex(16)`. Numbers "
            "that count, times and names can be guessed.",
            misconception="guessable-id",
        )


@check(
    needs=(check_still_works,),
    why="People change from the telephone to the computer, and do not copy ids from one to the other.",
    covers=("LO-013", "SC-005"),
)
async def check_resumes_on_any_device(
    lab: Lab, alice: ChatKit, bob: ChatKit, model: Provider, words: Words
) -> None:
    """On another device, the same person finds their conversation and goes on with it."""
    said, thread = await converse(alice, model, words, turns=1)
    device = await lab.person("alice")
    tried = "Alice began a conversation. On another device, she asked for her list of threads"
    if thread not in await _listed(device):
        raise Failed(
            tried=f"{tried}.",
            observed="The conversation is not in it.",
            expected="`threads.list` gives a person all their live sessions, whatever device "
            "they were begun on.",
            misconception="bound-to-device",
        )
    more, where = await converse(device, model, words, turns=1, thread=thread)
    _require_same(f"{tried}, and sent a message to it.", thread, where, await _threads(device))
    _require_memory(f"{tried}, and sent a message to it.", model, said[0][1])
    compare("The second message came from another device.", said + more, await alice.items(thread))
    if thread in await _listed(bob):
        raise Failed(
            tried="Alice began a conversation. Bob asked for his list of threads.",
            observed="Alice's conversation is in bob's list.",
            expected="A session belongs to the person who began it, and is on no other's list.",
            misconception="shared-sessions",
        )


async def _threads(person: ChatKit) -> list[dict[str, object]]:
    page = await person.ask("threads.list", limit=100)
    threads: list[dict[str, object]] = page["data"]
    return threads


async def _listed(person: ChatKit) -> set[object]:
    return {thread["id"] for thread in await _threads(person)}


def _require_same(tried: str, thread: str, where: str, listed: object) -> None:
    if where != thread:
        raise Failed(
            tried=tried,
            observed="A new conversation was begun, and the old one was still alive.",
            expected="A message to a live session goes on in it.",
            misconception="resume-opens-new",
        )


@check(
    needs=(check_resumes_on_any_device,),
    why="Machines are switched off without a word. What was finished before that must be there.",
    covers=("LO-013", "SC-005"),
)
async def check_survives_a_crash(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """After a crash in the middle of an answer, the session goes on, and nothing finished is lost."""
    said, thread = await converse(alice, model, words, turns=2)
    async with midway(alice, Script(model), words, thread) as cut:
        await lab.server.restart(patience=0)
    again = await lab.person("alice")
    tried = "Killed the server in the middle of an answer and started it"
    if thread not in await _listed(again):
        raise Failed(
            tried=f"{tried}. Then asked for the list of threads.",
            observed="The session is not in it any more.",
            expected="Sessions lie in the database, not in the memory of the process.",
            misconception="sessions-in-memory",
        )
    more, where = await converse(again, model, words, turns=1, thread=thread)
    _require_same(f"{tried}. Then sent a message to the session.", thread, where, None)
    _require_memory(f"{tried}. Then sent a message to the session.", model, said[0][1])
    stored = messages_in(await again.items(thread))
    wanted = [*said, ("user_message", cut.question), *more]
    if [one for one in stored if one in wanted] != wanted:
        raise Failed(
            tried=f"{tried}. Then listed the thread's items.",
            observed=f"Of {len(wanted)} messages {sum(one in stored for one in wanted)} are there, or "
            "they are in another order.",
            expected="Each finished answer, each message of the user, also the one whose answer "
            "was cut, and then what came after the start.",
            misconception="lost-in-crash",
        )


# Expiry


@check(
    needs=(check_resumes_on_any_device,),
    why="A session that never ends keeps data for ever. One that ends too soon loses work.",
    covers=("LO-013", "SC-005"),
)
async def check_idle_timeout(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """After 23 hours a session goes on; after more than 24 hours without a message it does not."""
    _, thread = await converse(alice, model, words, turns=1)
    lab.server.move_clock(23 * HOUR)
    await _require_alive(alice, thread, words, "23 hours after its first message")
    lab.server.move_clock(25 * HOUR)
    await _require_expired(alice, thread, words, "25 hours after its last message")


@check(
    needs=(check_idle_timeout,),
    why="The day is counted from the last message, not from the first one.",
    covers=("LO-013",),
)
async def check_activity_extends(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """Each message makes the session last longer."""
    _, thread = await converse(alice, model, words, turns=1)
    for hours in (20, 40, 60):
        lab.server.move_clock(20 * HOUR)
        when = f"{hours} hours after the first message and 20 hours after the last one"
        await _require_alive(alice, thread, words, when)


@check(
    needs=(check_activity_extends,),
    why="A stolen or forgotten session must not live for ever because somebody keeps it warm.",
    covers=("LO-013",),
)
async def check_absolute_timeout(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """A week after its beginning a session ends, however busy it is."""
    _, thread = await converse(alice, model, words, turns=1)
    for hours in range(20, 161, 20):
        lab.server.move_clock(20 * HOUR)
        await _require_alive(alice, thread, words, f"{hours} hours after it began, never idle")
    lab.server.move_clock(20 * HOUR)
    await _require_expired(alice, thread, words, "180 hours after it began, never idle")


@check(
    needs=(check_idle_timeout, check_absolute_timeout),
    why="How long a session lasts is a decision about a product, and changes without a programmer.",
    covers=("LO-013", "LO-014"),
)
async def check_timeouts_are_settings(
    lab: Lab, alice: ChatKit, model: Provider, words: Words
) -> None:
    """Both timeouts are taken from the settings."""
    await lab.server.restart(CHATKIT_IDLE=str(2 * HOUR), CHATKIT_LONGEST=str(5 * HOUR))
    person = await lab.person("alice")
    _, thread = await converse(person, model, words, turns=1)
    for hours in (1.5, 3.0, 4.5):
        lab.server.move_clock(1.5 * HOUR)
        when = (
            f"{hours} hours after it began, with CHATKIT_IDLE of 2 hours and CHATKIT_LONGEST of 5"
        )
        await _require_alive(person, thread, words, when)
    lab.server.move_clock(HOUR)
    when = "5.5 hours after it began, with CHATKIT_LONGEST of 5 hours"
    await _require_expired(person, thread, words, when)
    _, thread = await converse(person, model, words, turns=1)
    lab.server.move_clock(2.5 * HOUR)
    await _require_expired(person, thread, words, "2.5 idle hours with CHATKIT_IDLE of 2 hours")
    await lab.server.restart()


@check(
    needs=(check_idle_timeout, check_survives_a_crash),
    why="Servers move, summer time begins and ends. An hour must stay an hour.",
    covers=("LO-013",),
)
async def check_time_zone(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """Sessions last as long in every time zone, and when the server moves from one to another."""
    for began, went_on in ((EAST, WEST), (WEST, UTC)):
        await lab.server.restart(TZ=began)
        _, thread = await converse(await lab.person("alice"), model, words, turns=1)
        await lab.server.restart(TZ=went_on)
        person = await lab.person("alice")
        lab.server.move_clock(23 * HOUR)
        moved = f"with a server that moved from the time zone TZ={began} to TZ={went_on}"
        await _require_alive(person, thread, words, f"23 hours later, {moved}", zones=True)
        lab.server.move_clock(25 * HOUR)
        await _require_expired(person, thread, words, f"25 hours later, {moved}", zones=True)
    await lab.server.restart()


async def _require_alive(
    person: ChatKit, thread: str, words: Words, when: str, *, zones: bool = False
) -> None:
    turn = await person.say(words.sentence(), thread)
    turn.require_no_error()
    if turn.thread_id not in (None, thread):
        raise Failed(
            tried=f"Sent a message to a session {when}.",
            observed="It had expired: a new conversation was begun.",
            expected="It is alive, and goes on." + (_UTC if zones else ""),
            misconception="local-time" if zones else "expires-too-soon",
        )


async def _require_expired(
    person: ChatKit, thread: str, words: Words, when: str, *, zones: bool = False
) -> None:
    body = person.message(words.sentence(), thread)
    response = await person.post(body)
    # How it is answered is another check's affair.
    if response.status_code == 200 and '"thread.created"' not in response.text:
        raise Failed(
            tried=f"Sent a message to a session {when}.",
            observed="It went on as if nothing were.",
            expected="It has expired." + (_UTC if zones else _CLOCK),
            misconception="local-time" if zones else "never-expires",
        )


_UTC = (
    " Times are compared in UTC; local time is another one after a move or a change of the clocks."
)
_CLOCK = (
    " The time comes from `shared.clock`, and a message extends a session only while it is alive."
)


@check(
    needs=(check_idle_timeout, check_survives_a_crash),
    why="Somebody who comes back after a week has a question. An error is no answer.",
    covers=("LO-013", "SC-005"),
)
async def check_graceful_expiry(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """A message to an expired session begins a new one, says so, and is answered."""
    _, thread = await converse(alice, model, words, turns=1)
    lab.server.move_clock(12 * HOUR)
    await lab.server.restart()  # a clean-up comes with the start, and daily: none does in between
    lab.server.move_clock(13 * HOUR)
    tried = "Sent a message to a session that had been idle for 25 hours."
    await _require_grace(tried, await lab.person("alice"), model, words, thread)


async def _require_grace(
    tried: str, alice: ChatKit, model: Provider, words: Words, thread: str
) -> None:
    question, answer = words.sentence(), words.sentence()
    model.forget()
    model.reply(lambda call: Say(answer))
    try:
        turn = await alice.say(question, thread)
    except Failed as failed:
        raise _not_graceful(tried, failed.observed) from None
    await _require_new_session(tried, alice, turn, thread, question, answer)


async def _require_new_session(
    tried: str, alice: ChatKit, turn: Turn, thread: str, question: str, answer: str
) -> None:
    if errors := turn.of_type("error"):
        raise _not_graceful(tried, f"The stream holds an error: {errors[0].get('message')}.")
    new = turn.thread_id
    if new in (None, thread) or turn.events[0]["type"] != "thread.created":
        raise _not_graceful(tried, "The stream does not begin with a `thread.created` of a new id.")
    if not turn.of_type("notice"):
        raise _not_graceful(
            tried, "The stream has no `notice`: nobody is told why the page changed."
        )
    strays = [item["type"] for item in turn.finished_items if item["thread_id"] != new]
    if strays:
        raise _not_graceful(tried, f"A {strays[0]} of the stream belongs to another thread.")
    wanted: Said = [("user_message", question), ("assistant_message", answer)]
    if messages_in(await alice.items(new or "")) != wanted:
        raise _not_graceful(tried, "The new thread does not hold the message and its answer.")


def _not_graceful(tried: str, observed: str) -> Failed:
    return Failed(
        tried=tried,
        observed=observed,
        expected="Status 200, `thread.created` with a new id, a `notice`, and then the message and "
        "its answer under the new id.",
        misconception="expiry-is-an-error",
    )


@check(
    needs=(check_graceful_expiry,),
    why="Expired means: nobody reads it any more, the agent neither.",
    covers=("LO-013",),
)
async def check_old_context_is_gone(
    lab: Lab, alice: ChatKit, model: Provider, words: Words
) -> None:
    """What was said in an expired session is not told to the agent, nor shown."""
    said, thread = await converse(alice, model, words, turns=2)
    lab.server.move_clock(25 * HOUR)
    old = [text for _, text in said]
    bodies = []
    for operation in ("threads.get_by_id", "items.list"):
        response = await alice.post({"type": operation, "params": {"thread_id": thread}})
        bodies.append((f"Asked for `{operation}` of an expired session.", response.text))
    listed = await alice.post({"type": "threads.list", "params": {"limit": 100}})
    bodies.append(("Asked for the list of threads.", listed.text.replace(thread, old[0])))
    model.forget()
    # How it is answered is another check's affair.
    await alice.post(alice.message(words.sentence(), thread))
    heard = "\n".join(text for call in model.calls for _, text in call.messages)
    bodies.append(("Sent a message to an expired session.", heard))
    for tried, body in bodies:
        if any(text in body for text in old):
            raise Failed(
                tried=tried,
                observed="The old conversation is in what came back, or in what the model was sent.",
                expected="An expired session is as good as gone: on no list, not to be opened, and "
                "unknown to the agent.",
                misconception="old-context-stays",
            )


# Clean-up


async def _clean_up(person: ChatKit) -> None:
    """Ask the server to clean up. Raises Failed where it does not."""
    response = await person.send("POST", "/clean-up")
    if response.status_code >= 300:
        raise Failed(
            tried="Sent `POST /clean-up`.",
            observed=f"The status is {response.status_code}.",
            expected="It cleans up what has expired and answers with a 200.",
            misconception="no-clean-up-on-demand",
        )


@check(
    needs=(check_idle_timeout,),
    why="Before a backup, or when the disk fills, nobody wants to wait for the night.",
    covers=("LO-014", "SC-005"),
)
async def check_cleans_up_on_demand(
    lab: Lab, alice: ChatKit, model: Provider, words: Words
) -> None:
    """POST /clean-up removes what has expired, and says so in the audit trail."""
    _, thread = await converse(alice, model, words, turns=1)
    lab.server.move_clock(25 * HOUR)
    await _clean_up(alice)
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


@check(
    needs=(check_graceful_expiry, check_cleans_up_on_demand),
    why="The owner may come back after a month. What is left of the session then must still know them.",
    covers=("LO-013",),
)
async def check_grace_outlives_clean_up(
    lab: Lab, alice: ChatKit, model: Provider, words: Words
) -> None:
    """After the clean-up too, a message to an expired session begins a new one."""
    _, thread = await converse(alice, model, words, turns=1)
    lab.server.move_clock(25 * HOUR)
    await _clean_up(alice)
    tried = "Sent a message to a session that had expired and was cleaned up."
    await _require_grace(tried, alice, model, words, thread)


@check(
    needs=(check_grace_outlives_clean_up,),
    why="The grace is for the owner. To everybody else, an expired session is a thread that is not "
    "there.",
    covers=("LO-013",),
)
async def check_others_get_404(
    lab: Lab, alice: ChatKit, bob: ChatKit, model: Provider, words: Words
) -> None:
    """To another person, an expired session looks like one that never was."""
    _, thread = await converse(alice, model, words, turns=1)
    lab.server.move_clock(25 * HOUR)
    for cleaned in (False, True):
        if cleaned:
            await _clean_up(alice)
        there = await bob.post(bob.message(words.sentence(), thread))
        nowhere = await bob.post(bob.message(words.sentence(), thread[:-4] + "0000"))
        if (there.status_code, there.content) != (nowhere.status_code, nowhere.content):
            raise Failed(
                tried="Bob sent a message to alice's expired session, and one to an id that "
                "never was" + (", after the clean-up." if cleaned else "."),
                observed=f"The answers differ: {there.status_code} and {nowhere.status_code}.",
                expected="Both are the ordinary 404. Who is not the owner learns nothing.",
                misconception="tombstone-tells",
            )
        if nowhere.status_code != 404:
            raise Failed(
                tried="Sent a message to a thread that never was.",
                observed=f"The status is {nowhere.status_code}.",
                expected="404, before a stream begins.",
                misconception="unknown-is-expired",
            )


@check(
    needs=(check_cleans_up_on_demand,),
    why="Nobody remembers to clean up. A task in the background does.",
    covers=("LO-014", "SC-005"),
)
async def check_cleans_up_by_itself(
    lab: Lab, alice: ChatKit, model: Provider, words: Words
) -> None:
    """Once a day the server cleans up by itself."""
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


@check(
    needs=(check_cleans_up_on_demand,),
    why="A clean-up that takes a living conversation along does more harm than a full disk. One "
    "that stops everybody else does too.",
    covers=("LO-014", "SC-005"),
)
async def check_clean_up_spares_the_living(
    lab: Lab, alice: ChatKit, bob: ChatKit, model: Provider, words: Words
) -> None:
    """The clean-up takes only what has expired, while others write."""
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
        cleaning = asyncio.create_task(_clean_up(alice))
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


@check(
    needs=(check_clean_up_spares_the_living, check_survives_a_crash),
    why="A database keeps the room of deleted rows for itself, unless it is told to give it back.",
    covers=("LO-014", "SC-005"),
)
async def check_space_is_given_back(
    lab: Lab, alice: ChatKit, model: Provider, words: Words
) -> None:
    """After a clean-up the database file is smaller."""
    text = words.sentence() + " " + "x" * BULK_CHARACTERS
    thread = None
    for _ in range(BULK):
        turn = await alice.say(text, thread)
        thread = thread or turn.thread_id
    full = await _stored_bytes(lab)
    lab.server.move_clock(25 * HOUR)
    await _clean_up(await lab.person("alice"))
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


# Audit


@check(
    needs=(check_grace_outlives_clean_up,),
    why="“Where is my conversation?” A week later, only the trail can answer that.",
    covers=("LO-013", "SC-005"),
)
async def check_audit_trail(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """The audit trail tells of each session when it was created, resumed, expired and cleaned."""
    _, thread = await converse(alice, model, words, turns=2)
    lab.server.move_clock(2 * HOUR)
    await converse(alice, model, words, turns=1, thread=thread)
    lab.server.move_clock(25 * HOUR)
    await alice.say(words.sentence(), thread)
    await alice.say(words.sentence(), thread)
    await _clean_up(alice)
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


# The written part


@check(
    why="Every product with conversations needs this again. Written down as a skill, it can be handed "
    "to an agent, and to yourself in a year.",
    covers=("LO-015",),
)
async def check_skill(work: Path, remark: Callable[[str], None]) -> None:
    """The skill session-lifecycle is valid, and says what has to be decided."""
    found = require_skill(
        work,
        "session-lifecycle",
        decisions=5,
        touching=CONCEPTS,
        known={"the template": LESSON.template, "the lesson": LESSON.text},
    )
    remark(f"It has {found} decision points. Whether they are the right ones, a person judges.")


# The policy comes last: like the skill, it is judged without the server.
from checkpoints.L05.policy import check_policy  # noqa: E402, F401
