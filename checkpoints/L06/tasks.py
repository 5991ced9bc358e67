"""Whom the agent's tools take somebody for: the model calls them, and is told what they returned."""

from __future__ import annotations

from checkpoints.engine.client import ChatKit
from checkpoints.engine.lockstep import eventually
from checkpoints.engine.midway import Script
from checkpoints.engine.provider import CallTools, Gate, Say, ToolUse
from checkpoints.engine.verdict import Failed
from checkpoints.engine.words import Words


class ToolTurn:
    """A turn of somebody's in which the model uses one tool. With a gate, it does so when allowed."""

    def __init__(
        self, script: Script, words: Words, use: ToolUse, gate: Gate | None = None
    ) -> None:
        self._script = script
        self.question = words.sentence()
        self._tool = use.name
        script.answer(self.question, CallTools([use], gate), Say("ok"))

    async def take(self, person: ChatKit) -> str:
        """Take the turn. Returns what the tool returned to the model."""
        turn = await person.say(self.question)
        turn.require_no_error()
        return self.outcome(turn.tried, "The turn had no error.")

    def outcome(self, tried: str, seen: str) -> str:
        """What the tool returned to the model. `seen`: what came of the turn, for a sentence."""
        for call in reversed(self._script.calls_for(self.question)):
            if call.tool_outputs:
                return call.tool_outputs[-1].output
        raise Failed(
            tried=tried,
            observed=f"The model called the tool `{self._tool}`, and was not told what it "
            f"returned. {seen}",
            expected="The agent has the Task Manager's tools, and runs what the model calls.",
            misconception="lesson-lost",
        )

    async def begun(self) -> None:
        """Wait until the model has been asked, and stands before its gate."""
        await eventually(lambda: bool(self._script.calls_for(self.question)))


async def create(person: ChatKit, script: Script, words: Words) -> str:
    """Create a task with a title that nobody else has. Returns the title."""
    title = words.word()
    await ToolTurn(script, words, ToolUse("create_task", {"title": title})).take(person)
    return title


async def listed(person: ChatKit, script: Script, words: Words) -> str:
    """What the tool that lists tasks returns in a turn of theirs."""
    return await ToolTurn(script, words, ToolUse("list_tasks", {})).take(person)
