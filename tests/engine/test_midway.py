"""What lesson 3's checks stand on: answers that stand still, and what must be kept of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from checkpoints.engine.lockstep import eventually, poll
from checkpoints.engine.midway import Answer, Script
from checkpoints.engine.partial import beside, require_partial
from checkpoints.engine.provider import Call, Gate, Provider, Say
from checkpoints.engine.verdict import Failed

QUESTION = ("user_message", "What is it?")
PARTIAL = ("assistant_message", "one two three")
NEXT = ("user_message", "And now?")
ANSWER = ("assistant_message", "Four.")


def call(*messages: tuple[str, str], streamed: bool = True) -> Call:
    """A request to the model that holds these messages."""
    given = [{"role": role, "content": text} for role, text in messages]
    return Call("chat", streamed, {"model": "double", "messages": given}, {})


def answer(sent: int) -> Answer:
    """An answer of which the model has said some words, and the reader had two."""
    provider = Provider()
    script = Script(provider)
    spoken = ["one ", "two ", "three ", "four "]
    script.answer(QUESTION[1], Say(spoken))
    made = call(("user", QUESTION[1]))
    made.sent = sent
    provider.calls.append(made)
    return Answer(script, QUESTION[1], spoken, Gate(), "thr_1", heard="one two ")


async def test_poll_gives_what_it_saw_last() -> None:
    seen = iter(range(10))

    async def look() -> int:
        return next(seen)

    assert await poll(look, lambda number: number == 3, patience=10.0) == (3, True)
    assert await poll(look, lambda number: False, patience=0.0) == (4, False)


async def test_eventually_sees_what_comes_later() -> None:
    event = asyncio.Event()
    asyncio.get_running_loop().call_soon(event.set)
    assert await eventually(event.is_set)
    assert not await eventually(lambda: False, patience=0.0)


def test_a_script_answers_the_newest_message_it_knows() -> None:
    script = Script(Provider())
    script.answer("Hello.", Say("first"))
    script.answer("Again.", Say("second"))
    history = call(("user", "Hello."), ("assistant", "hi"), ("user", "Again."), ("user", "a note"))
    joined = call(("user", "Hello. hi. Again."))
    assert script._choose(history) == script._choose(joined) == Say("second")
    assert script._choose(call(("user", "Hello."))) == Say("first")
    assert script._choose(call(("user", "other"))) is None
    assert script._choose(call(("user", "Hello."), streamed=False)) is None


def test_a_script_answers_call_by_call() -> None:
    provider = Provider()
    script = Script(provider)
    script.answer("Hello.", Say("first"), Say("later"))
    said = []
    for _ in range(3):
        provider.calls.append(call(("user", "Hello.")))
        said.append(script._choose(provider.calls[-1]))
    assert said == [Say("first"), Say("later"), Say("later")]


def test_the_partial_answer_may_be_all_that_was_said() -> None:
    require_partial("Tried.", answer(3), [QUESTION, PARTIAL])
    require_partial("Tried.", answer(4), [QUESTION, PARTIAL, NEXT, ANSWER], after=[NEXT, ANSWER])


@pytest.mark.parametrize(
    ("stored", "misconception"),
    [
        ([QUESTION, NEXT, ANSWER], "partial-lost"),
        ([QUESTION, ("assistant_message", ""), NEXT, ANSWER], "partial-lost"),
        ([QUESTION, PARTIAL, PARTIAL, NEXT, ANSWER], "stored-twice"),
        ([QUESTION, NEXT, PARTIAL, ANSWER], "stored-in-disorder"),
        ([QUESTION, PARTIAL, NEXT], "stored-in-disorder"),
        ([QUESTION, ("assistant_message", "one"), NEXT, ANSWER], "no-true-prefix"),
        ([QUESTION, ("assistant_message", "one two three four"), NEXT, ANSWER], "no-true-prefix"),
        ([QUESTION, ("assistant_message", "one two (cut)"), NEXT, ANSWER], "no-true-prefix"),
    ],
)
def test_what_is_no_partial_answer(stored: Iterable[tuple[str, str]], misconception: str) -> None:
    with pytest.raises(Failed) as caught:
        require_partial("Tried.", answer(3), list(stored), after=[NEXT, ANSWER])
    assert caught.value.misconception == misconception


def test_what_stands_beside_the_conversation() -> None:
    usual = call(("system", "Be brief. It is 10:04, thr_1a."), ("user", "Hi."), ("user", "Go on."))
    told = call(("system", "Be brief. It is 10:05, thr_2b."), ("user", "It was cut: Hi. Go on."))
    assert beside(usual, "Hi.", "Go on.") == {"Be brief. It is", ""}
    assert beside(told, "Hi.", "Go on.") - beside(usual, "Hi.", "Go on.") == {"It was cut:"}
