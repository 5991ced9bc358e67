"""What a person wants remembered: told to the tool, and then sought in every call."""

from __future__ import annotations

import json
from collections.abc import Sequence

from checkpoints.engine.client import ChatKit
from checkpoints.engine.provider import ToolUse
from checkpoints.engine.verdict import Failed
from checkpoints.engine.words import Words
from checkpoints.L04.talk import Exchange, Talk

TOOL = "remember_fact"


async def remember(talk: Talk, kind: str, value: str) -> Exchange:
    """Say something on which the model calls the tool, with another name each time."""
    use = ToolUse(TOOL, {"kind": kind, "name": talk.words.word(), "value": value})
    talk.voice.use(use)
    exchange = await talk.say()
    exchange.turn.tried += f" The model called `{TOOL}` for a {kind}, with the value “{value}”."
    if talk.voice.unused():
        offered = sorted({name for call in talk.voice.calls for name in call.tool_names})
        raise Failed(
            tried="Sent a message, and looked at the tools that the model was offered.",
            observed=f"There is no `{TOOL}` among them: {', '.join(offered) or 'none'}.",
            expected=f"Your agent has a tool `{TOOL}(kind, name, value)`: a `@function_tool`, handed to "
            "`task_manager(..., tools=[...])`.",
            misconception="tool-missing",
        )
    return exchange


def require_facts(
    exchange: Exchange,
    values: Sequence[str],
    remembered: Exchange,
    *,
    restarted: bool = False,
) -> None:
    """The call for this answer holds the facts, of which the last was remembered then."""
    heard = "\n".join(text for _, text in exchange.asked.messages).casefold()
    missing = [value for value in values if value not in heard]
    if not missing:
        return
    said = [output for _, output in remembered.asked.tool_outputs]
    answered = f" The tool answered “{said[-1][:120]}”" if said else ""
    later = (len(exchange.before) - len(remembered.before)) // 2
    then = "restarted the server, and " if restarted else ""
    raise Failed(
        tried=f"{remembered.turn.tried}{answered} Then {then}looked at the call for the answer "
        f"to message number {later} after that.",
        observed=f"Of {len(values)} facts {len(missing)} are not in it, “{missing[0]}” for one.",
        expected="A fact is stored with the thread, in `thread.metadata` for instance, beside what is "
        "there already, and `save_thread` keeps it. Every later call has it.",
        misconception="facts-lost-on-restart" if restarted else "facts-lost",
    )


def require_no_fact(exchange: Exchange, value: str, remembered: Exchange, whose: str) -> None:
    """The model is not sent it for an answer in another thread."""
    if any(value in text for _, text in exchange.asked.messages):
        raise Failed(
            tried=f"{remembered.turn.tried} Then a message was sent to another thread, {whose}.",
            observed=f"For its answer the model was sent “{value}” too.",
            expected="A fact belongs to its thread. A variable, or a table without the thread's id, "
            "belongs to everybody.",
            misconception="facts-shared",
        )


async def require_unseen(
    person: ChatKit, later: Exchange, value: str, remembered: Exchange, words: Words
) -> None:
    """It stands neither among the instructions of a later turn, nor in anything that a page gets."""
    if value in later.asked.instructions:
        raise Failed(
            tried=remembered.turn.tried,
            observed=f"In the next turn “{value}” stands among the instructions.",
            expected="A fact's words come from a person. They are sent as input, in the user's name, "
            "and never as instructions.",
            misconception="facts-in-instructions",
        )
    thread, title = remembered.turn.thread_id or "", words.word()
    bodies = {
        "the stream of the next turn": later.turn.events,
        "threads.get_by_id": await person.ask("threads.get_by_id", thread_id=thread),
        "threads.list": await person.ask("threads.list", limit=100),
        "items.list": await person.items(thread),
        "threads.update": await person.ask("threads.update", thread_id=thread, title=title),
    }
    for name, body in bodies.items():
        if value in json.dumps(body):
            raise Failed(
                tried=f"{remembered.turn.tried} Then looked at what a page gets: {name}.",
                observed=f"It holds “{value}”.",
                expected="ChatKitServer never sends `thread.metadata` and hidden items. A title, a "
                "message or an item of another type is sent to every page.",
                misconception="facts-on-the-page",
            )
