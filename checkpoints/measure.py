"""`make measure-NN`: figures of one's own server, to be judged in the lesson's written work.

A lesson that measures something has an entry in `KINDS`. The server runs as it does for the checks
(a copy, a fresh database, no network), with the offline model.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

from checkpoints.engine.client import ChatKit, Event, text_of
from checkpoints.engine.server import StudentServer
from checkpoints.engine.verdict import Failed
from checkpoints.engine.warm import Starter
from checkpoints.lesson import Lesson
from shared.settings import OFFLINE, Settings

FILE = "work/measured.json"  # in the lesson's folder
QUESTION = "How does streaming work?"
ROUNDS = 3
WORDS_A_SECOND = 4  # that a person reads: 240 a minute
MODEL_GAP = (
    1000 / Settings().words_per_second
)  # milliseconds between two words of the offline model
ENOUGH = 100  # milliseconds that a server may add to each word: SC-003

DIALOGUE = ("How does streaming work?", "what did I ask earlier?", "count to 20")
CONVERSATIONS = 200  # of this dialogue: enough that whole pages of the database do not matter
AT_ONCE = 10
HOUR = 3600
IDLE = {"hour": 1, "day": 24, "week": 168}  # the timeouts to choose from, in hours
A_DAY = (100, 1_000, 10_000)  # conversations that begin on one day
CLEAN_UP = 24  # hours from one clean-up to the next
MEGABYTE = 1_000_000

Figures = dict[str, Any]
"""What is written to `FILE`: times in milliseconds, sizes in bytes."""


class NothingToMeasure(Exception):
    """The lesson has no figures. The text says which have."""


@dataclass(frozen=True)
class Kind:
    """What a lesson measures, and how it shows the figures."""

    measure: Callable[[StudentServer, ChatKit], Awaitable[Figures]]
    show: Callable[[Console, Figures], None]
    settings: Mapping[str, str] = field(default_factory=dict)  # of the server's environment


@dataclass(frozen=True)
class _Answer:
    """One answer, as somebody saw it arrive who asked at 0."""

    at: list[float]  # milliseconds at which each word came
    whole: float
    text: str

    @property
    def gaps(self) -> list[float]:
        return [later - earlier for earlier, later in zip(self.at, self.at[1:], strict=False)]


async def _both_ways(_: StudentServer, person: ChatKit) -> Figures:
    """Ask the same question buffered and streamed, at the same moment, several times."""
    await _streamed(person)  # the first turn of a process costs a little more
    rounds = [await asyncio.gather(_streamed(person), _buffered(person)) for _ in range(ROUNDS)]
    streamed, buffered = ([pair[side] for pair in rounds] for side in (0, 1))
    gaps = sorted(gap for answer in streamed for gap in answer.gaps) or [0.0]
    waited = _median(one.at[0] for one in buffered) - _median(one.at[0] for one in streamed)
    words = len(streamed[0].text.split())
    return {
        "question": QUESTION,
        "words": words,
        "streamed": _summary(streamed),
        "buffered": _summary(buffered),
        "words_read": max(0, min(words, round(waited / 1000 * WORDS_A_SECOND))),
        "added_per_word": _added(statistics.median(gaps)),
        "added_per_word_p95": _added(gaps[int(0.95 * (len(gaps) - 1))]),
    }


def _summary(answers: list[_Answer]) -> dict[str, int]:
    return {
        "first_word": round(_median(one.at[0] for one in answers)),
        "whole_answer": round(_median(one.whole for one in answers)),
        "gap": round(_median(statistics.median(one.gaps or [0.0]) for one in answers)),
    }


def _median(values: Any) -> float:
    return float(statistics.median(values))


def _added(gap: float) -> float:
    return round(max(0.0, gap - MODEL_GAP), 1)


async def _streamed(person: ChatKit) -> _Answer:
    """Read each event as it comes. Raises Failed."""
    at = []
    began = time.perf_counter()
    async with person.saying(QUESTION) as turn:
        await turn.require_stream()
        while await turn.read_until(_holds_text):
            at.append((time.perf_counter() - began) * 1000)
        whole = (time.perf_counter() - began) * 1000
        turn.require_whole()
        turn.require_no_error()
    pieces = at[:-1] if len(at) > 1 else at  # the last one is the finished item
    return _Answer(pieces or [whole], whole, text_of(turn.answers[-1]) if turn.answers else "")


def _holds_text(event: Event) -> bool:
    """A piece of the answer, or the finished answer."""
    if event["type"] == "thread.item.done":
        return bool(event["item"]["type"] == "assistant_message")
    return str(event.get("update", {}).get("type", "")).endswith("text_delta")


async def _buffered(person: ChatKit) -> _Answer:
    """Wait for the whole body, as behind a server or proxy that buffers: then all is there."""
    began = time.perf_counter()
    response = await person.post(person.message(QUESTION))
    whole = (time.perf_counter() - began) * 1000
    return _Answer([whole], whole, response.text)


def _show_both_ways(console: Console, figures: Figures) -> None:
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("milliseconds")
    for name in ("first word", "whole answer", "gap between words"):
        table.add_column(name, justify="right")
    for side in ("streamed", "buffered"):
        row = figures[side]
        table.add_row(side, *(f"{row[key]:,}" for key in ("first_word", "whole_answer", "gap")))
    console.print(
        f"“{figures['question']}”: {figures['words']} words, {ROUNDS} times each way, the middle "
        "of the three.\n"
    )
    console.print(table)
    console.print(
        f"\nWhen the buffered answer came, a reader of the streamed one had read "
        f"{figures['words_read']} words ({WORDS_A_SECOND} a second)."
    )
    console.print(
        f"The model takes {MODEL_GAP:.0f} ms for a word. Your server adds "
        f"{figures['added_per_word']} ms (at 95 %: {figures['added_per_word_p95']}). Up to "
        f"{ENOUGH} is fine."
    )


async def _storage(server: StudentServer, person: ChatKit) -> Figures:
    """Fill the server's database with conversations, let them all expire, and clean up."""
    await _converse(person)  # the tables are made with it, so they are not counted
    before = _size_of(server.database)
    for _ in range(CONVERSATIONS // AT_ONCE):
        await asyncio.gather(*(_converse(person) for _ in range(AT_ONCE)))
    full = _size_of(server.database)
    server.move_clock(Settings().longest_seconds + HOUR)
    cleaned = await person.send("POST", "/clean-up")
    if cleaned.status_code != 200:
        raise Failed(
            tried="Asked for a clean-up.",
            observed=f"`POST /clean-up` was answered with {cleaned.status_code}.",
            expected="Status 200. What a clean-up leaves is one of the figures.",
        )
    conversation = (full - before) / CONVERSATIONS
    left = max(0.0, _size_of(server.database) - before) / CONVERSATIONS
    return {
        "conversations": CONVERSATIONS,
        "messages": 2 * len(DIALOGUE) * CONVERSATIONS,
        "bytes_per_conversation": round(conversation),
        "bytes_per_message": round(conversation / (2 * len(DIALOGUE))),
        "bytes_left_by_clean_up": round(left),
        "kept": {
            name: {str(many): round(kept_bytes(conversation, hours, many)) for many in A_DAY}
            for name, hours in IDLE.items()
        },
    }


def kept_bytes(conversation: float, idle: int, a_day: int) -> float:
    """What lies on the disk just before a clean-up: the live ones, and those expired since the last.

    `idle`: hours. `a_day`: how many conversations of so many bytes begin on a day.
    """
    return conversation * a_day * (idle + CLEAN_UP) / 24


async def _converse(person: ChatKit) -> None:
    thread = None
    for question in DIALOGUE:
        turn = await person.say(question, thread)
        turn.require_whole()
        turn.require_no_error()
        thread = thread or turn.thread_id


def _size_of(database: Path) -> int:
    """The bytes of the database, with what still stands in its write-ahead log."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    return int(pages * size)


def _show_storage(console: Console, figures: Figures) -> None:
    console.print(
        f"{figures['conversations']} conversations of {2 * len(DIALOGUE)} messages in your "
        "database.\n"
    )
    console.print(f"  one conversation    {figures['bytes_per_conversation']:>7,} bytes")
    console.print(f"  one message         {figures['bytes_per_message']:>7,} bytes")
    console.print(f"  after the clean-up  {figures['bytes_left_by_clean_up']:>7,} bytes of each\n")
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("MB on the disk, at most")
    for many in A_DAY:
        table.add_column(f"{many:,} a day", justify="right")
    for name, hours in IDLE.items():
        kept = figures["kept"][name].values()
        table.add_row(f"{name} ({hours} h idle)", *(f"{size / MEGABYTE:,.1f}" for size in kept))
    console.print(table)
    console.print(
        f"\nAt most: just before a clean-up that comes every {CLEAN_UP} hours. What expires right "
        "after one\nclean-up stays until the next.",
        soft_wrap=True,
    )


KINDS: dict[int, Kind] = {
    3: Kind(_both_ways, _show_both_ways),
    5: Kind(_storage, _show_storage, {"CHATKIT_PACE": "0"}),
}


def kind_of(lesson: Lesson) -> Kind:
    """What the lesson measures. Raises NothingToMeasure."""
    if lesson.number not in KINDS:
        some = ", ".join(f"make measure-{number:02d}" for number in sorted(KINDS))
        raise NothingToMeasure(
            f"There is nothing to measure in lesson {lesson.number:02d}. There is: {some}"
        )
    return KINDS[lesson.number]


async def measure(lesson: Lesson, app: Path, starter: Starter) -> Figures:
    """Start the server and take the figures. Raises CannotStart, Failed, NothingToMeasure."""
    kind = kind_of(lesson)
    server = StudentServer(app, starter, {"CHATKIT_MODEL": OFFLINE, **kind.settings})
    try:
        await server.start()
        async with httpx.AsyncClient(
            base_url=server.base_url, timeout=30, trust_env=False, verify=False
        ) as http:
            return await kind.measure(server, ChatKit(http, lesson.path, "you"))
    except (TimeoutError, httpx.HTTPError) as error:
        raise Failed(
            tried="Sent messages to your server.",
            observed=f"An answer did not come to its end ({str(error) or type(error).__name__}).",
            expected="Every turn comes to an end, and the stream with it.",
        ) from None
    finally:
        await server.close()


def write(figures: Figures, folder: Path) -> Path:
    """Keep the figures in the lesson's folder, for its written work. Returns the file."""
    file = folder / FILE
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return file
