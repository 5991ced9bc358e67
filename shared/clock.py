"""The time, settable from outside, so that 24 hours can pass in a test.

Ask this module and not the machine. Where the variable `CHATKIT_CLOCK` names a file, the file says
by how many seconds this clock is ahead of the machine's (`86400`: one day). A missing or empty file
means 0. Whoever changes the file should replace it in one step (`os.replace`).
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

VARIABLE = "CHATKIT_CLOCK"
_POLL_SECONDS = 0.02


def now() -> datetime:
    """Return the time as an aware datetime in UTC."""
    return datetime.now(UTC) + timedelta(seconds=_ahead())


def monotonic() -> float:
    """Return seconds from a fixed moment, to measure spans with. It jumps with the clock."""
    return time.monotonic() + _ahead()


async def sleep(seconds: float) -> None:
    """Sleep until `seconds` have passed on this clock: a jump forward ends the sleep early."""
    if not os.environ.get(VARIABLE):
        await asyncio.sleep(seconds)
        return
    end = monotonic() + seconds
    await asyncio.sleep(0)
    while (left := end - monotonic()) > 0:  # noqa: ASYNC110 - a file cannot wake anybody
        await asyncio.sleep(min(left, _POLL_SECONDS))


def utc_text(moment: datetime) -> str:
    """Return `2026-01-31T09:30:00.000000Z`: UTC, and of one width, so texts sort as times do.

    A naive datetime is taken for local time, which is what the SDK means by one.
    """
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return utc.isoformat(timespec="microseconds") + "Z"


def _ahead() -> float:
    name = os.environ.get(VARIABLE)
    if not name:
        return 0.0
    try:
        text = Path(name).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return 0.0
    try:
        seconds = float(text or 0)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise ValueError(f"{VARIABLE}={name} holds {text!r}. Write seconds there, such as 86400.")
    return seconds


__all__ = ["VARIABLE", "monotonic", "now", "sleep", "utc_text"]
