"""The project's documents, and a reader that takes its time over each of them.

Stands for everything an agent's tool may wait ten seconds for: a search, a report, another service.
`CHATKIT_ANALYSIS` sets how many seconds all documents together take.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from shared import clock, probe
from shared.settings import get_settings

WEEKS = 50

_TOPICS = (
    "budget",
    "hiring",
    "the website",
    "the office",
    "support",
    "the next release",
    "training",
)
_ACTIONS = ("Ask for prices", "Write a plan", "Call the supplier", "Find a date", "Review the text")


@dataclass(frozen=True, slots=True)
class Document:
    """The minutes of one meeting. A line that begins with `OPEN:` is still to be done."""

    title: str
    text: str


def project_documents() -> list[Document]:
    """Return the minutes of the project's 50 weekly meetings, oldest first."""
    return [_minutes(week) for week in range(1, WEEKS + 1)]


async def analyse(document: Document) -> list[str]:
    """Return the open points of one document. Takes a fiftieth of `CHATKIT_ANALYSIS` seconds, and
    stops at once when its task is cancelled."""
    probe.report(document.title, "started")
    try:
        await clock.sleep(get_settings().analysis_seconds / WEEKS)
    except asyncio.CancelledError:
        probe.report(document.title, "cancelled")
        raise
    probe.report(document.title, "ended")
    lines = document.text.splitlines()
    return [line.removeprefix("OPEN: ") for line in lines if line.startswith("OPEN: ")]


def _minutes(week: int) -> Document:
    topic, action = _TOPICS[week % len(_TOPICS)], _ACTIONS[week % len(_ACTIONS)]
    state = "OPEN" if week % 7 == 0 else "DONE"
    return Document(
        f"Minutes of week {week}", f"We talked about {topic}.\n{state}: {action} (week {week})."
    )


__all__ = ["Document", "analyse", "project_documents"]
