"""The few places where the workbook adjusts the ChatKit SDK, all of them here.

Written against openai-chatkit 1.6.5; `tests/shared/test_sdk.py` says when a newer version no longer
needs one of them.

Two for what is right:

1. **Times are UTC and come from `shared.clock`.** The SDK stamps threads and items with
   `datetime.now()`: local time that does not say so, which a browser in another zone misreads.
2. **Nothing is sent to OpenAI unasked.** With a key in the environment the Agents SDK exports a
   trace of each run, offline model or not.

Three for speed, the levers. They change no byte of what is sent; `tests/shared/test_levers.py` holds
them to that, and `lessons/PERFORMANCE.md` has the figures.

3. **`parser`: the request parser is kept.** `ChatKitServer.process` builds a pydantic `TypeAdapter`
   for the union of all 16 requests each time it is called: more work than all else before the first
   word.
4. **`serialise`: a text delta is written by hand.** It is nearly all that a stream consists of.
5. **`merge`: one task for each source of events.** `stream_agent_response` reads the agent's events
   and those of its tools side by side, and makes a new task for each single event.

`CHATKIT_WITHOUT=parser,merge` leaves levers out, to see what they are worth.
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections import deque
from collections.abc import AsyncIterator
from datetime import datetime, tzinfo
from json.encoder import encode_basestring
from typing import Any

import agents
import chatkit.agents
import chatkit.server
from chatkit.server import ChatKitServer
from chatkit.types import AssistantMessageContentPartTextDelta, ThreadItemUpdatedEvent
from pydantic import BaseModel, TypeAdapter

from shared import clock
from shared.settings import SettingsError, get_settings

LEVERS = ("parser", "serialise", "merge")


@functools.cache
def kept_adapter(kind: Any) -> TypeAdapter[Any]:
    """The one `TypeAdapter` for a type, built when first asked for."""
    return TypeAdapter(kind)


class _KeptTypeAdapter:
    """Stands in for the name `TypeAdapter` in the SDK, which writes `TypeAdapter[T](T)`."""

    def __class_getitem__(cls, _: Any) -> Any:
        return kept_adapter


_stock_serialise = ChatKitServer._serialize


def _serialise(server: ChatKitServer[Any], event: BaseModel) -> bytes:
    """`ChatKitServer._serialize`, by hand for a text delta: the same bytes at a quarter of the cost."""
    if type(event) is ThreadItemUpdatedEvent:
        update = event.update
        if (
            type(update) is AssistantMessageContentPartTextDelta
            and type(update.content_index) is int
        ):
            try:
                return (
                    f'{{"type":"thread.item.updated","item_id":{encode_basestring(event.item_id)},'
                    '"update":{"type":"assistant_message.content_part.text_delta",'
                    f'"content_index":{update.content_index},'
                    f'"delta":{encode_basestring(update.delta)}}}}}'
                ).encode()
            except (TypeError, ValueError):  # no str, or half of a surrogate pair
                pass
    return _stock_serialise(server, event)


async def _merge(first: AsyncIterator[Any], second: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """`chatkit.agents._merge_generators` with two tasks in all, instead of one for each event.

    What holds there holds here: a source is asked for its next event only when the reader is done
    with the last one, the end of one source ends both, and a reader who leaves stops neither.
    """
    loop = asyncio.get_running_loop()
    # An event, and a future for the reader to say that it is done with it; or None and an ended task.
    # A queue without `asyncio.Queue`, whose bookkeeping costs as much as the rest of this.
    arrived: deque[tuple[Any, asyncio.Future[None]]] = deque()
    waiting: asyncio.Future[None] = loop.create_future()
    reader_left = False

    def arrive(event: Any, done: asyncio.Future[None]) -> None:
        arrived.append((event, done))
        go_on(waiting)

    async def pump(source: AsyncIterator[Any]) -> None:
        async for event in source:
            if not reader_left:
                done = loop.create_future()
                arrive(event, done)
                await done
            if reader_left:
                return

    def go_on(done: asyncio.Future[None]) -> None:
        if not done.done():  # cancelled, when the loop is closing
            done.set_result(None)

    pumps = [loop.create_task(pump(source)) for source in (first, second)]
    for task in pumps:
        task.add_done_callback(lambda ended: arrive(None, ended))
    done: asyncio.Future[None] = loop.create_future()
    try:
        while True:
            if not arrived:
                waiting = loop.create_future()
                await waiting
            event, done = arrived.popleft()
            if isinstance(done, asyncio.Task):
                break
            yield event
            go_on(done)
        done.result()  # raises what the source raised
        for task in pumps:
            task.cancel()
        while arrived:
            event, done = arrived.popleft()
            if not isinstance(done, asyncio.Task):
                yield event
    finally:
        reader_left = True
        go_on(done)
        while arrived:
            go_on(arrived.popleft()[1])


class _ClockDatetime(datetime):
    """`datetime` with a `now()` that reads the workbook's clock, in UTC."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        # A plain datetime, so that pydantic and pickle see nothing unusual.
        return clock.now().astimezone(tz) if tz else clock.now()


def adjust() -> None:
    """Make the adjustments, once per process. `shared.endpoint` calls this. Raises SettingsError."""
    without = _left_out()
    if "parser" not in without:
        chatkit.server.TypeAdapter = _KeptTypeAdapter  # type: ignore[attr-defined,assignment]
    if "serialise" not in without:
        ChatKitServer._serialize = _serialise  # type: ignore[assignment,method-assign]
    if "merge" not in without:
        chatkit.agents._merge_generators = _merge  # type: ignore[assignment]
    # Both modules, for `chatkit.agents` subtracts the times that `chatkit.server` made.
    chatkit.server.datetime = _ClockDatetime  # type: ignore[attr-defined]
    chatkit.agents.datetime = _ClockDatetime  # type: ignore[attr-defined]
    agents.set_tracing_disabled(not get_settings().tracing)


def _left_out() -> set[str]:
    """The levers that `CHATKIT_WITHOUT` names. Raises SettingsError."""
    text = os.environ.get("CHATKIT_WITHOUT", "")
    names = {name.strip() for name in text.split(",") if name.strip()}
    if unknown := sorted(names.difference(LEVERS)):
        raise SettingsError(
            f"CHATKIT_WITHOUT={text} names {', '.join(unknown)}, and there is no such lever. "
            f"There are: {', '.join(LEVERS)}."
        )
    return names
