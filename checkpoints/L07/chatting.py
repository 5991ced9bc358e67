"""Answers as they come to a page: word by word, and no further than somebody wants."""

from __future__ import annotations

from playwright.async_api import Error

from checkpoints.engine.lockstep import eventually
from checkpoints.engine.provider import Gate, Provider, Say
from checkpoints.engine.verdict import Failed
from checkpoints.engine.visitor import PATIENCE, Visitor
from checkpoints.engine.words import Words

WORDS = 6


async def require_answer(visitor: Visitor, model: Provider, words: Words) -> str:
    """Send a message and see the model's answer on the page. Returns the message."""
    question, answer = words.sentence(), words.sentence()
    model.reply(lambda call: Say(answer))
    await visitor.say(question)
    await require_seen(visitor, question, answer)
    return question


async def require_seen(visitor: Visitor, question: str, answer: str) -> None:
    """Raise Failed unless the answer is on the page. The message has been sent."""
    try:
        await visitor.answers.filter(has_text=answer).first.wait_for(timeout=PATIENCE)
    except Error:
        raise Failed(
            tried=f"Wrote “{question}” into the box on the page and pressed Enter.",
            observed=await visitor.sees(),
            expected=f"The model's answer stands on the page: “{answer}”",
            misconception="no-answer-on-the-page",
        ) from None


async def require_word_by_word(visitor: Visitor, model: Provider, words: Words) -> None:
    """Raise Failed unless each word is on the page before the model says the next one, and Stop ends
    the model's answer."""
    said, gate = [f"{words.word()} " for _ in range(WORDS)], Gate()
    model.forget()
    model.reply(lambda call: Say([*said, "and so on"], gate) if call.streamed else None)
    try:
        await _follow(visitor, model, words, said, gate)
    finally:
        gate.open()  # a turn that nobody ends any more would hold up the server's own end


async def _follow(
    visitor: Visitor, model: Provider, words: Words, said: list[str], gate: Gate
) -> None:
    await visitor.begin(words.sentence())
    for number, word in enumerate(said, start=1):
        gate.allow()
        try:
            place = visitor.answers.last.filter(has_text=word.strip())
            await place.wait_for(timeout=PATIENCE)
        except Error:
            raise Failed(
                tried="Sent a message from the page. The model said a word, and waited with the next "
                "one until it would be seen.",
                observed=f"Word {number} did not come to the page.",
                expected="Each word is seen when it is said. Who reads the response in between "
                "(`await response.text()`, `.json()`, a buffer) waits for its end.",
                misconception="read-in-between",
            ) from None
    call = model.calls[-1]
    await visitor.press("Stop")
    if await eventually(call.ended.is_set) and call.aborted:
        return
    raise Failed(
        tried=f"Pressed Stop after {WORDS} words of an answer.",
        observed="The page stopped showing it, and the model went on: the request was not ended.",
        expected="Stop aborts the request. The element hands your `fetch` a `signal` for that, in "
        "`init`; it has to reach the real `fetch`, and each server on the way has to hang up, too.",
        misconception="signal-dropped",
    )
