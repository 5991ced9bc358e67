"""The Store in figures: 100 writers at once, and the newest page of a long thread.

`measure` runs this file as a program, for the SDK's types take seconds to import.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from checkpoints.engine.warm import ROOT, scrubbed_environment
from tests.bench.figure import BenchError, Figure, ratio_of

if TYPE_CHECKING:
    from chatkit.store import Store
    from chatkit.types import AssistantMessageItem

WRITERS, ITEMS_EACH = 100, 5
OURS_TIMES = 10  # ours is done too soon otherwise
LONG, PAGE = 10_000, 20
ROUNDS = 5

_numbers = itertools.count()


def measure() -> list[Figure]:
    """Measure the Store. About 20 seconds. Raises BenchError."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.bench.stores"],
        cwd=ROOT,
        env=scrubbed_environment(),
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise BenchError(f"The Store could not be measured.\n{done.stderr.strip()}")
    found = json.loads(done.stdout)
    return [
        ratio_of(
            "Store, 100 writers: ours / a connection per call",
            found["ours"],
            found["naive"],
            "items a second",
            at_least=20,
        ),
        ratio_of(
            "newest 20 of 10,000 items / 20 of 20", found["long"], found["short"], "ms", at_most=1.5
        ),
    ]


async def _measure(folder: Path) -> dict[str, list[float]]:
    from shared.store import SQLiteStore
    from tests.bench.naive import ConnectionPerCall

    found: dict[str, list[float]] = {"ours": [], "naive": [], "long": [], "short": []}
    ours, naive = SQLiteStore(folder / "ours.db"), ConnectionPerCall(folder / "naive.db")
    for store in (ours, naive):
        await _new_thread(store, "busy")
    for _ in range(ROUNDS):
        found["naive"].append(await _written_a_second(naive))
        found["ours"].append(await _written_a_second(ours, OURS_TIMES))
    _none_lost(folder / "naive.db", ROUNDS)
    _none_lost(folder / "ours.db", ROUNDS * OURS_TIMES)

    for thread_id, length in (("long", LONG), ("short", PAGE)):
        await _new_thread(ours, thread_id)
        await asyncio.gather(
            *(ours.save_item(thread_id, _item(thread_id), None) for _ in range(length))
        )
    for _ in range(ROUNDS):
        times = [(await _page_ms(ours, "long"), await _page_ms(ours, "short")) for _ in range(100)]
        found["long"].append(median(long for long, _ in times))
        found["short"].append(median(short for _, short in times))
    await ours.database.close()
    return found


async def _new_thread(store: Store[None], thread_id: str) -> None:
    from chatkit.types import ThreadMetadata

    from shared import clock

    await store.save_thread(ThreadMetadata(id=thread_id, created_at=clock.now()), None)


def _item(thread_id: str) -> AssistantMessageItem:
    """About 600 bytes of JSON."""
    from chatkit.types import AssistantMessageContent, AssistantMessageItem

    from shared import clock

    return AssistantMessageItem(
        id=f"msg_{next(_numbers):032x}",
        thread_id=thread_id,
        created_at=clock.now(),
        content=[AssistantMessageContent(text="word " * 80)],
    )


async def _written_a_second(store: Store[None], times: int = 1) -> float:
    """Items a second, while 100 writers save their items one after the other."""

    async def writer() -> None:
        for _ in range(ITEMS_EACH):
            await store.add_thread_item("busy", _item("busy"), None)

    began = time.perf_counter()
    for _ in range(times):
        await asyncio.gather(*(writer() for _ in range(WRITERS)))
    return WRITERS * ITEMS_EACH * times / (time.perf_counter() - began)


async def _page_ms(store: Store[None], thread_id: str) -> float:
    began = time.perf_counter()
    page = await store.load_thread_items(thread_id, None, PAGE, "desc", None)
    took = (time.perf_counter() - began) * 1000
    if len(page.data) != PAGE:
        raise BenchError(f"A page of {PAGE} items held {len(page.data)}.")
    return took


def _none_lost(file: Path, times: int) -> None:
    connection = sqlite3.connect(file)
    [kept] = connection.execute("SELECT count(*) FROM items WHERE thread_id = 'busy'").fetchone()
    connection.close()
    if kept != (written := WRITERS * ITEMS_EACH * times):
        raise BenchError(f"{file.name} holds {kept} of {written} items: the others were lost.")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="workbook-bench-") as name:
        print(json.dumps(asyncio.run(_measure(Path(name)))))
