"""What lesson 5 asks for, tried from outside over HTTP.

The server's clock moves when the check moves it, so a day passes at once. What became of sessions
is read in the audit trail; how they are stored is the student's own affair.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from checkpoints import lesson as lessons
from checkpoints.engine.client import ChatKit
from checkpoints.engine.conversation import compare, converse, messages_in
from checkpoints.engine.lockstep import eventually, require_streaming
from checkpoints.engine.midway import Script, midway
from checkpoints.engine.plugin import Lab
from checkpoints.engine.provider import Provider, Say
from checkpoints.engine.skill import require_skill
from checkpoints.engine.verdict import Failed, check
from checkpoints.engine.words import Words
from checkpoints.L05.cleaning import (
    clean_up,
    require_cleaned_daily,
    require_cleaned_on_demand,
    require_living_spared,
    require_space_given_back,
    require_whole_trail,
)
from checkpoints.L05.expiry import (
    HOUR,
    require_alive,
    require_expired,
    require_same_in_every_zone,
    require_settings_obeyed,
)
from checkpoints.L05.grace import require_forgotten, require_grace, require_nothing_told
from checkpoints.L05.policy import require_policy
from checkpoints.L05.resuming import (
    require_crash_survived,
    require_memory,
    require_resumed_elsewhere,
    require_sessions_of_their_own,
)

LESSON = lessons.load(5)

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
    require_memory("Sent three messages to one thread.", model, said[0][1])
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
    await require_sessions_of_their_own(alice, bob, model, words)


@check(
    needs=(check_still_works,),
    why="People change from the telephone to the computer, and do not copy ids from one to the other.",
    covers=("LO-013", "SC-005"),
)
async def check_resumes_on_any_device(
    lab: Lab, alice: ChatKit, bob: ChatKit, model: Provider, words: Words
) -> None:
    """On another device, the same person finds their conversation and goes on with it."""
    await require_resumed_elsewhere(lab, alice, bob, model, words)


@check(
    needs=(check_resumes_on_any_device,),
    why="Machines are switched off without a word. What was finished before that must be there.",
    covers=("LO-013", "SC-005"),
)
async def check_survives_a_crash(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """After a crash in the middle of an answer, the session goes on, and nothing finished is lost."""
    await require_crash_survived(lab, alice, model, words)


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
    await require_alive(alice, thread, words, "23 hours after its first message")
    lab.server.move_clock(25 * HOUR)
    await require_expired(alice, thread, words, "25 hours after its last message")


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
        await require_alive(alice, thread, words, when)


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
        await require_alive(alice, thread, words, f"{hours} hours after it began, never idle")
    lab.server.move_clock(20 * HOUR)
    await require_expired(alice, thread, words, "180 hours after it began, never idle")


@check(
    needs=(check_idle_timeout, check_absolute_timeout),
    why="How long a session lasts is a decision about a product, and changes without a programmer.",
    covers=("LO-013", "LO-014"),
)
async def check_timeouts_are_settings(lab: Lab, model: Provider, words: Words) -> None:
    """Both timeouts are taken from the settings."""
    await require_settings_obeyed(lab, model, words)


@check(
    needs=(check_idle_timeout, check_survives_a_crash),
    why="Servers move, summer time begins and ends. An hour must stay an hour.",
    covers=("LO-013",),
)
async def check_time_zone(lab: Lab, model: Provider, words: Words) -> None:
    """Sessions last as long in every time zone, and when the server moves from one to another."""
    await require_same_in_every_zone(lab, model, words)


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
    await require_grace(tried, await lab.person("alice"), model, words, thread)


@check(
    needs=(check_graceful_expiry,),
    why="Expired means: nobody reads it any more, the agent neither.",
    covers=("LO-013",),
)
async def check_old_context_is_gone(
    lab: Lab, alice: ChatKit, model: Provider, words: Words
) -> None:
    """What was said in an expired session is not told to the agent, nor shown."""
    await require_forgotten(lab, alice, model, words)


# Clean-up


@check(
    needs=(check_idle_timeout,),
    why="Before a backup, or when the disk fills, nobody wants to wait for the night.",
    covers=("LO-014", "SC-005"),
)
async def check_cleans_up_on_demand(
    lab: Lab, alice: ChatKit, model: Provider, words: Words
) -> None:
    """POST /clean-up removes what has expired, and says so in the audit trail."""
    await require_cleaned_on_demand(lab, alice, model, words)


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
    await clean_up(alice)
    tried = "Sent a message to a session that had expired and was cleaned up."
    await require_grace(tried, alice, model, words, thread)


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
    await require_nothing_told(lab, alice, bob, model, words)


@check(
    needs=(check_cleans_up_on_demand,),
    why="Nobody remembers to clean up. A task in the background does.",
    covers=("LO-014", "SC-005"),
)
async def check_cleans_up_by_itself(
    lab: Lab, alice: ChatKit, model: Provider, words: Words
) -> None:
    """Once a day the server cleans up by itself."""
    await require_cleaned_daily(lab, alice, model, words)


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
    await require_living_spared(lab, alice, bob, model, words)


@check(
    needs=(check_clean_up_spares_the_living, check_survives_a_crash),
    why="A database keeps the room of deleted rows for itself, unless it is told to give it back.",
    covers=("LO-014", "SC-005"),
)
async def check_space_is_given_back(lab: Lab, alice: ChatKit, words: Words) -> None:
    """After a clean-up the database file is smaller."""
    await require_space_given_back(lab, alice, words)


# Audit


@check(
    needs=(check_grace_outlives_clean_up,),
    why="“Where is my conversation?” A week later, only the trail can answer that.",
    covers=("LO-013", "SC-005"),
)
async def check_audit_trail(lab: Lab, alice: ChatKit, model: Provider, words: Words) -> None:
    """The audit trail tells of each session when it was created, resumed, expired and cleaned."""
    await require_whole_trail(lab, alice, model, words)


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


@check(
    why="How long a session lasts is decided by somebody, with figures or without. You will be asked "
    "for your reasons.",
    core=False,
    covers=("LO-014",),
)
async def check_policy(work: Path, remark: Callable[[str], None]) -> None:
    """You have measured what sessions take, and chosen how long they last in three products."""
    require_policy(work, remark)
