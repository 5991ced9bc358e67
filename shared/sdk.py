"""The three places where the workbook adjusts the ChatKit SDK, all of them here.

Written against openai-chatkit 1.6.5; `tests/shared/test_sdk.py` says when a newer version no longer
needs one of them.

1. **The request parser is kept.** `ChatKitServer.process` builds a pydantic `TypeAdapter` for the
   union of all 16 requests each time it is called: about 4 ms, more than everything else it does.
2. **Times are UTC and come from `shared.clock`.** The SDK stamps threads and items with
   `datetime.now()`: local time that does not say so, which a browser in another zone misreads.
3. **Nothing is sent to OpenAI unasked.** With a key in the environment the Agents SDK exports a
   trace of each run, offline model or not.
"""

from __future__ import annotations

import functools
from datetime import datetime, tzinfo
from typing import Any

import agents
import chatkit.agents
import chatkit.server
from pydantic import TypeAdapter

from shared import clock
from shared.settings import get_settings


@functools.cache
def kept_adapter(kind: Any) -> TypeAdapter[Any]:
    """The one `TypeAdapter` for a type, built when first asked for."""
    return TypeAdapter(kind)


class _KeptTypeAdapter:
    """Stands in for the name `TypeAdapter` in the SDK, which writes `TypeAdapter[T](T)`."""

    def __class_getitem__(cls, _: Any) -> Any:
        return kept_adapter


class _ClockDatetime(datetime):
    """`datetime` with a `now()` that reads the workbook's clock, in UTC."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        # A plain datetime, so that pydantic and pickle see nothing unusual.
        return clock.now().astimezone(tz) if tz else clock.now()


def adjust() -> None:
    """Make the three adjustments, once per process. `shared.endpoint` calls this."""
    chatkit.server.TypeAdapter = _KeptTypeAdapter  # type: ignore[attr-defined,assignment]
    # Both modules, for `chatkit.agents` subtracts the times that `chatkit.server` made.
    chatkit.server.datetime = _ClockDatetime  # type: ignore[attr-defined]
    chatkit.agents.datetime = _ClockDatetime  # type: ignore[attr-defined]
    if not get_settings().tracing:
        agents.set_tracing_disabled(True)
