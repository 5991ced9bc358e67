"""A conversation in which every word is new, so that each call to the model tells what was sent.

How a work tells its model what, and with how many calls, is its own matter. The call for an answer
is known by its reply, which becomes the assistant's message; every other call is another call, and
its reply is a sentence too, which is found again wherever the work sends it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from checkpoints.engine.client import ChatKit, Turn, text_of
from checkpoints.engine.provider import (
    Call,
    CallTools,
    Fail,
    Provider,
    Reply,
    Say,
    ToolUse,
)
from checkpoints.engine.verdict import Failed
from checkpoints.engine.words import Words
from checkpoints.L04.budget import MOST, WINDOW, tokens_in

NEWEST = 10  # messages that the model is sent, the new one among them


@dataclass(frozen=True)
class Message:
    """Something that was said: role `user` or `assistant`, and the text."""

    role: str
    text: str

    def touches(self, text: str) -> bool:
        """Whether anything of it stands in a text, be it one word."""
        return any_word(self.text, text)


def any_word(of: str, within: str) -> bool:
    """Whether a word of one text stands in another one."""
    within = within.casefold()
    return any(word in within for word in re.findall(r"\w+", of.casefold()))


def text_in(call: Call) -> str:
    """All text in a call: messages, instructions, and what tools returned."""
    outputs = [output for _, output in call.tool_outputs]
    return "\n".join([*(text for _, text in call.messages), *outputs])


class Voice:
    """The model: it answers each call with a sentence of its own, and refuses what is too large."""

    def __init__(self, model: Provider, words: Words) -> None:
        self._model = model
        self._words = words
        self.replies: dict[Call, str] = {}
        self.refused: list[Call] = []
        self._uses: list[ToolUse] = []
        model.forget()
        model.reply(self._reply)

    @property
    def calls(self) -> list[Call]:
        """All calls so far, oldest first."""
        return self._model.calls

    def use(self, *tools: ToolUse) -> None:
        """Answer the next call that offers them with a call of these tools."""
        self._uses = list(tools)

    def unused(self) -> bool:
        """Whether no call has offered the tools."""
        return bool(self._uses)

    def _reply(self, call: Call) -> Reply:
        if (tokens := tokens_in(call)) > MOST:
            self.refused.append(call)
            message = f"This model's maximum context length is {WINDOW} tokens. Your messages "
            return Fail(400, "context_length_exceeded", f"{message}resulted in {tokens} tokens.")
        if self._uses and {use.name for use in self._uses} <= set(call.tool_names):
            uses, self._uses = self._uses, []
            return CallTools(uses)
        self.replies[call] = self._words.sentence()
        return Say(self.replies[call])


@dataclass
class Exchange:
    """A message, its answer, and the call to the model that asked for the answer."""

    turn: Turn
    before: list[Message]  # what had been said
    question: Message
    answer: Message
    asked: Call
    first: int  # which of all calls was the first one since the message was sent
    again: bool = False  # the first one after a restart

    @property
    def newest(self) -> list[Message]:
        """What the model should be sent of the conversation, oldest first."""
        return [*self.before, self.question][-NEWEST:]

    @property
    def tried(self) -> str:
        """What was done, in a sentence."""
        number = len(self.before) // 2 + 1
        said = f"Sent {number} messages to one thread and read the answers."
        return f"{said} Looked at the call for the answer to the last one."


@dataclass
class Talk:
    """One person talks in one thread."""

    person: ChatKit
    voice: Voice
    words: Words
    thread: str | None = None
    said: list[Message] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)

    async def say(self, text: str | None = None) -> Exchange:
        """Send a message, and read the answer. Raises Failed where there is none."""
        text = text or self.words.sentence()
        first, refused = len(self.voice.calls), len(self.voice.refused)
        question = Message("user", text)
        turn = await self.person.say(text, self.thread)
        turn.tried = turn.tried.replace(text, shown(text))
        if turn.of_type("error") and self.voice.refused[refused:]:
            self.said.append(question)
            self.require_room()
        turn.require_no_error()
        self.thread = turn.thread_id or self.thread
        exchange = Exchange(turn, list(self.said), question, *self._asked(turn), first)
        self.said += [exchange.question, exchange.answer]
        self.exchanges.append(exchange)
        return exchange

    def _asked(self, turn: Turn) -> tuple[Message, Call]:
        """The answer, and the call that it came from."""
        for item in turn.answers:
            for call, reply in reversed(self.voice.replies.items()):
                if reply in text_of(item):
                    return Message("assistant", text_of(item).strip()), call
        raise Failed(
            tried=turn.tried,
            observed="No answer came that the model had given."
            if turn.answers
            else "No answer came.",
            expected="The agent is asked with each message, and its reply is the answer.",
            misconception="other-answer",
        )

    def require_room(self) -> None:
        """No call has been too large for the model, be it for an answer or for a summary."""
        if not self.voice.refused:
            return
        sent = [len(one.text) for one in self.said if one.role == "user"]
        raise Failed(
            tried=f"Sent {len(sent)} messages to one thread. The longest had {max(sent):,} characters.",
            observed=f"A call to the model had {tokens_in(self.voice.refused[0]):,} tokens, and the "
            f"model refused it: its context window takes {WINDOW:,}.",
            expected=f"All that is sent in one call (instructions, tools and input) fits into "
            f"{WINDOW:,} tokens, as `count_tokens` counts them. Up to {MOST:,} are let through here, "
            "for a work that counts otherwise. Shorten messages, or leave old ones out.",
            misconception="over-the-window",
        )


def shown(text: str) -> str:
    """A text in short, for a sentence."""
    return text if len(text) <= 60 else f"{text[:57]}…"


def own_items(call: Call, said: Iterable[Message]) -> list[tuple[str, Message]]:
    """The items of a call that hold one message each: the role they are sent in, and the message.

    A summary, or a history in one text, holds several, and is none.
    """
    said = list(said)
    found = []
    for role, text in call.messages:
        held = [message for message in said if message.text in text]
        if len(held) == 1:
            found.append((role, held[0]))
    return found


def place_of(call: Call, word: str) -> int | None:
    """At which place of a call's input a word stands first."""
    return next((n for n, item in enumerate(call.items) if word in json.dumps(item)), None)
