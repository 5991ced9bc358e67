"""What lesson 3 made, tried in short."""

from __future__ import annotations

import re

from checkpoints.engine.client import ChatKit
from checkpoints.engine.conversation import Said, messages_in
from checkpoints.engine.lockstep import eventually
from checkpoints.engine.midway import Script, midway, one_answer
from checkpoints.engine.partial import beside, require_partial
from checkpoints.engine.provider import Call, Provider
from checkpoints.engine.verdict import Failed
from checkpoints.engine.words import Words


async def require_stops(alice: ChatKit, again: ChatKit, model: Provider, words: Words) -> None:
    """A new message stops the old answer, which is kept, and of which the agent is told.

    `again`: the same person on another connection.
    """
    script = Script(model)
    question, answer = one_answer(words, script)
    async with midway(alice, script, words) as old:
        turn = await again.say(question, old.thread)
        turn.require_no_error()
        turn.tried = f"{old.turn.tried} In the middle of the answer sent another message."
        if not await eventually(old.stopped):
            raise Failed(
                tried=turn.tried,
                observed="The model goes on with the old answer.",
                expected="A new message ends the turn that runs in its thread, as in lesson 3.",
                misconception="both-run",
            )
    stored = messages_in(await alice.items(old.thread))
    after = [("user_message", question), ("assistant_message", answer)]
    require_partial(turn.tried, old, stored, after=after)
    await _require_told(alice, script, words, script.calls_for(question)[0], stored)


async def _require_told(
    alice: ChatKit, script: Script, words: Words, call: Call, stored: Said
) -> None:
    """The model was sent the partial answer, and something that is not sent after a whole one."""
    usual = [*one_answer(words, script), *one_answer(words, script)]
    thread = (await alice.say(usual[0])).thread_id
    await alice.say(usual[2], thread)
    partial = stored[1][1]
    told = beside(call, *(text for _, text in stored))
    told -= beside(script.calls_for(usual[2])[0], *usual)
    heard = any(partial in text for _, text in call.messages)
    if not heard or not any(re.search(r"[^\W\d_]{2}", text) for text in told):
        raise Failed(
            tried="Interrupted an answer, and looked at what the model was sent for the next one.",
            observed="It was not told that its answer was stopped."
            if heard
            else "It was not sent what it had said.",
            expected="The partial answer is one of the ten newest messages, and the hidden note behind "
            "it is sent where it stands right before the new message. Lesson 3 made it so.",
            misconception="not-told",
        )
