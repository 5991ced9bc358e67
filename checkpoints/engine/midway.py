"""Answers that stand still in the middle, so that something can happen to them there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from checkpoints.engine.client import ChatKit, Turn
from checkpoints.engine.lockstep import LAG, eventually
from checkpoints.engine.provider import Call, Gate, Provider, Reply, Say
from checkpoints.engine.verdict import Failed
from checkpoints.engine.words import Words

SAID = 8  # words that the model has said where an answer stands still
_STANDS_SECONDS = 0.3  # without a word: the server takes no more
_PIECES, _PIECE_WORDS = 40, 1000  # 360 kB: more than a connection holds that nobody reads


class Script:
    """Which message the model answers with what. Messages are told apart by their words."""

    def __init__(self, model: Provider) -> None:
        self._model = model
        self._replies: dict[str, tuple[Reply, ...]] = {}
        model.forget()
        model.reply(self._choose)

    def answer(self, question: str, *replies: Reply) -> None:
        """Answer this message's first call with the first reply, and so on; later ones with the last."""
        self._replies[question] = replies

    def calls_for(self, question: str) -> list[Call]:
        """The calls to the model that ask for the answer to this message, streamed ones only.

        What is not streamed (a title, a summary) is no answer.
        """
        return [call for call in self._model.calls if self._question(call) == question]

    def _choose(self, call: Call) -> Reply | None:
        question = self._question(call)
        if question is None:
            return None
        replies = self._replies[question]
        return replies[min(len(self.calls_for(question)), len(replies)) - 1]

    def _question(self, call: Call) -> str | None:
        """The newest message in the call that is known. Behind it there may be notes."""
        if not call.streamed:
            return None
        for _, text in reversed(call.messages):
            found = [question for question in self._replies if question in text]
            if found:
                return max(found, key=text.rfind)
        return None


@dataclass
class Answer:
    """A long answer of which the model has said some, and waits before it says more."""

    script: Script
    question: str
    spoken: list[str]  # all that the model would say
    gate: Gate
    thread: str
    heard: str  # of it the reader had this much, at least

    @property
    def said(self) -> str:
        """What the model has said by now."""
        return "".join(self.spoken[: self.script.calls_for(self.question)[-1].sent])

    @property
    def text(self) -> str:
        """All that the model would say."""
        return "".join(self.spoken)

    def stopped(self) -> bool:
        """Whether the model says nothing more."""
        return all(call.ended.is_set() for call in self.script.calls_for(self.question))


@dataclass
class Midway(Answer):
    """Such an answer and the stream in which it arrives."""

    turn: Turn


@asynccontextmanager
async def midway(
    person: ChatKit, script: Script, words: Words, thread: str | None = None
) -> AsyncIterator[Midway]:
    """Ask for a long answer, and hand it over when its first words have arrived.

    Leaving closes the connection.
    """
    question, gate = words.sentence(), Gate()
    spoken = [words.word() + " " for _ in range(3 * SAID)]
    heard = "".join(spoken[: SAID - LAG])
    script.answer(question, Say(spoken, gate))
    gate.allow(SAID)
    async with person.saying(question, thread) as turn:
        await turn.require_stream()

        await eventually(lambda: turn.over() or heard in turn.streamed_text)
        if heard not in turn.streamed_text:
            turn.require_no_error()
            raise Failed(
                tried=f"{turn.tried} The model began to answer, and then stood still.",
                observed=f"The model had said {SAID} words, and not even the first {SAID - LAG} had "
                "arrived.",
                expected="Each word is sent on as a `text_delta` when it is there.",
                misconception="buffered",
            )
        where = thread or turn.thread_id or ""
        yield Midway(script, question, spoken, gate, where, turn.streamed_text, turn)


def one_answer(words: Words, script: Script) -> tuple[str, str]:
    """A message and the answer that the model gives to it."""
    question, answer = words.sentence(), words.sentence()
    script.answer(question, Say(answer))
    return question, answer


def long_answer(script: Script, words: Words, thread: str) -> Answer:
    """An answer that fills a connection which nobody reads, and is still not at its end."""
    question, gate = words.sentence(), Gate()
    spoken = [words.word() + " "]
    spoken += [(words.word() + " ") * _PIECE_WORDS for _ in range(_PIECES)]
    script.answer(question, Say(spoken, gate))
    gate.allow(_PIECES)
    return Answer(script, question, spoken, gate, thread, heard=spoken[0].strip())


async def until_it_stands(answer: Answer, person: ChatKit) -> None:
    """Wait until the model has said all that it may, or the server takes no more of it."""
    call, before = answer.script.calls_for(answer.question)[-1], -1
    while before < call.sent < _PIECES:
        before = call.sent
        await eventually(lambda: call.sent > before, _STANDS_SECONDS)  # noqa: B023 - awaited here
    # What was said may still be on its way. While the server answers, it goes on with that too.
    for _ in range(_PIECES):
        await person.ask("threads.get_by_id", thread_id=answer.thread)
