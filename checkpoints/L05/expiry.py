"""How long sessions last, told by what a message to them does when the clock has been moved."""

from __future__ import annotations

from checkpoints.engine.client import ChatKit
from checkpoints.engine.conversation import converse
from checkpoints.engine.plugin import Lab
from checkpoints.engine.provider import Provider
from checkpoints.engine.verdict import Failed
from checkpoints.engine.words import Words

HOUR = 3600.0  # seconds
EAST, WEST, UTC = "EAST-14", "WEST+11", "UTC0"  # as POSIX writes them: no table of zones is needed
_UTC = (
    " Times are compared in UTC; local time is another one after a move or a change of the clocks."
)
_CLOCK = (
    " The time comes from `shared.clock`, and a message extends a session only while it is alive."
)


async def require_alive(
    person: ChatKit, thread: str, words: Words, when: str, *, zones: bool = False
) -> None:
    """Raise Failed where a message to the session begins a new one."""
    turn = await person.say(words.sentence(), thread)
    turn.require_no_error()
    if turn.thread_id not in (None, thread):
        raise Failed(
            tried=f"Sent a message to a session {when}.",
            observed="It had expired: a new conversation was begun.",
            expected="It is alive, and goes on." + (_UTC if zones else ""),
            misconception="local-time" if zones else "expires-too-soon",
        )


async def require_expired(
    person: ChatKit, thread: str, words: Words, when: str, *, zones: bool = False
) -> None:
    """Raise Failed where a message to the session goes on in it."""
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


async def require_settings_obeyed(lab: Lab, model: Provider, words: Words) -> None:
    """With other timeouts in the settings, sessions last as long as those say."""
    await lab.server.restart(CHATKIT_IDLE=str(2 * HOUR), CHATKIT_LONGEST=str(5 * HOUR))
    person = await lab.person("alice")
    _, thread = await converse(person, model, words, turns=1)
    for hours in (1.5, 3.0, 4.5):
        lab.server.move_clock(1.5 * HOUR)
        when = (
            f"{hours} hours after it began, with CHATKIT_IDLE of 2 hours and CHATKIT_LONGEST of 5"
        )
        await require_alive(person, thread, words, when)
    lab.server.move_clock(HOUR)
    when = "5.5 hours after it began, with CHATKIT_LONGEST of 5 hours"
    await require_expired(person, thread, words, when)
    _, thread = await converse(person, model, words, turns=1)
    lab.server.move_clock(2.5 * HOUR)
    await require_expired(person, thread, words, "2.5 idle hours with CHATKIT_IDLE of 2 hours")
    await lab.server.restart()


async def require_same_in_every_zone(lab: Lab, model: Provider, words: Words) -> None:
    """A server that moves from one time zone to another counts the same hours."""
    for began, went_on in ((EAST, WEST), (WEST, UTC)):
        await lab.server.restart(TZ=began)
        _, thread = await converse(await lab.person("alice"), model, words, turns=1)
        await lab.server.restart(TZ=went_on)
        person = await lab.person("alice")
        lab.server.move_clock(23 * HOUR)
        moved = f"with a server that moved from the time zone TZ={began} to TZ={went_on}"
        await require_alive(person, thread, words, f"23 hours later, {moved}", zones=True)
        lab.server.move_clock(25 * HOUR)
        await require_expired(person, thread, words, f"25 hours later, {moved}", zones=True)
    await lab.server.restart()
