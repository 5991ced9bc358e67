"""Streaming proved without a stop-watch: the model says its next word when the last has arrived.

Whatever holds words back on their way stands still then, and is caught standing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from checkpoints.engine.client import ChatKit, Turn, text_of
from checkpoints.engine.provider import Call, Gate, Provider, Reply, Say
from checkpoints.engine.verdict import Failed
from checkpoints.engine.words import Words

LAG = 3  # words that may be held back on their way; a buffered answer holds back all
PATIENCE_SECONDS = 4.0  # for one word to arrive
_POLL_SECONDS = 0.005

T = TypeVar("T")


async def poll(
    look: Callable[[], Awaitable[T]], enough: Callable[[T], bool], patience: float
) -> tuple[T, bool]:
    """Look again and again until it is enough, or patience is at its end.

    Returns what was seen last, and whether it was enough.
    """
    now = asyncio.get_running_loop().time
    give_up = now() + patience
    while not enough(seen := await look()):
        if now() > give_up:
            return seen, False
        await asyncio.sleep(_POLL_SECONDS)
    return seen, True


async def eventually(condition: Callable[[], bool], patience: float = 2 * PATIENCE_SECONDS) -> bool:
    """Whether the condition holds, or comes to hold within so many seconds."""

    async def look() -> bool:
        return condition()

    return await poll(look, bool, patience) == (True, True)


async def require_streaming(alice: ChatKit, model: Provider, words: Words) -> None:
    """Raise Failed unless an answer streams word by word."""
    # Twice, and more patiently the second time: a busy machine is no reason to fail.
    failed = await lock_step(alice, model, words, PATIENCE_SECONDS)
    failed = failed and await lock_step(alice, model, words, 2 * PATIENCE_SECONDS)
    if failed:
        raise failed


async def lock_step(
    alice: ChatKit, model: Provider, words: Words, patience: float
) -> Failed | None:
    """Let the model say its next word only when the last one has arrived.

    A turn may call the model more than once, for a title or for a second agent. One call whose
    words arrive as they are said is enough.
    """
    speeches: asyncio.Queue[tuple[list[str], Gate]] = asyncio.Queue()

    def rule(call: Call) -> Reply:
        if not call.streamed:
            return Say(words.sentence())
        spoken, gate = [words.word() + " " for _ in range(12)], Gate()
        speeches.put_nowait((spoken, gate))
        return Say(spoken, gate)

    model.forget()
    model.reply(rule)
    async with alice.saying(words.sentence()) as turn:
        await turn.require_stream()
        said = await _follow(turn, speeches, patience)
    if said is None:
        return _streamed_otherwise(turn)
    return Failed(
        tried=f"{turn.tried} Let the model say one word at a time, the next only when yours had "
        "arrived.",
        observed=said,
        expected="Each word is sent on as a `text_delta` when it is there. `Runner.run_streamed` and "
        "`stream_agent_response` do it, if you yield each event as it comes and collect nothing.",
        misconception="buffered",
    )


async def _follow(
    turn: Turn, speeches: asyncio.Queue[tuple[list[str], Gate]], patience: float
) -> str | None:
    """Read a turn to its end. Returns None, or how its words failed to come one by one."""
    heard = "The answer came in one piece: the model was never asked to stream."
    while (speech := await _next_speech(turn, speeches)) is not None:
        spoken, gate = speech
        for number in range(1, len(spoken) + 1):
            gate.allow()
            if not await _arrives(turn, "".join(spoken[: max(number - LAG, 0)]), patience):
                heard = (
                    f"The model had said {number} words, and not even the first {number - LAG} had "
                    "arrived."
                )
                break
        else:
            gate.open()
            await turn.read_all()
            return None
        gate.open()
    return heard


async def _next_speech(
    turn: Turn, speeches: asyncio.Queue[tuple[list[str], Gate]]
) -> tuple[list[str], Gate] | None:
    """Wait until the model speaks again; None when the turn has ended before it does."""
    ending = asyncio.create_task(turn.read_all())
    speaking = asyncio.create_task(speeches.get())
    await asyncio.wait({ending, speaking}, return_when=asyncio.FIRST_COMPLETED)
    if speaking.done():
        ending.cancel()
        await asyncio.wait({ending})
        return speaking.result()
    speaking.cancel()
    await ending  # raises what it found
    return None


async def _arrives(turn: Turn, wanted: str, patience: float) -> bool:
    """Whether this text is among what was streamed, or comes within so many seconds."""
    try:
        async with asyncio.timeout(patience):
            while wanted not in turn.streamed_text:
                update = await turn.read_until(lambda event: event["type"] == "thread.item.updated")
                if update is None:
                    return False
    except TimeoutError:
        return False
    return True


def _streamed_otherwise(turn: Turn) -> Failed | None:
    """Whether a page would show something else while it streams than after a reload."""
    finished = {item["id"]: text_of(item) for item in turn.finished_items}
    added = {event["item"]["id"] for event in turn.of_type("thread.item.added")}
    for item_id, streamed in turn.streamed_by_item().items():
        if item_id not in finished:
            return Failed(
                tried=turn.tried,
                observed="The words were sent under another item id than the finished message.",
                expected="`added`, each `updated` and `done` carry the id of one item, or a page "
                "shows two messages.",
                misconception="ids-differ",
            )
        if item_id not in added:
            return Failed(
                tried=turn.tried,
                observed="Words were sent for an item that no `thread.item.added` has announced.",
                expected="First `added`, then each `updated`, then `done`. A page shows no words of "
                "an item that it does not know.",
                misconception="not-added",
            )
        if streamed.strip() != finished[item_id].strip():
            return Failed(
                tried=turn.tried,
                observed=f"The deltas together are “{streamed[:60]}…”, the finished message is "
                f"“{finished[item_id][:60]}…”.",
                expected="A `text_delta` holds the new piece only. The page puts the pieces "
                "together, and `done` holds the same text whole.",
                misconception="deltas-not-pieces",
            )
    return None
