"""Clean-up at scale: what 20 writers notice of it while 5,000 expired sessions go.

`measure` runs this file as a program, with checkpoint 5's `app` on its path.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from checkpoints.engine.warm import ROOT, scrubbed_environment
from tests.bench.figure import BenchError, Figure, number, ratio_of

THREADS, ITEMS_EACH = 10_000, 10
WRITERS, PAUSE = 20, 0.05  # people, and seconds between two writes of one of them
ROUNDS = 3
LOG_MIB = 64  # the write-ahead log stays below
OLD = "2020-01-01T00:00:00.000000Z"


def measure() -> list[Figure]:
    """Measure the clean-up. About 30 seconds. Raises BenchError."""
    path = os.pathsep.join([str(ROOT / "checkpoints" / "L05"), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.bench.sessions"],
        cwd=ROOT,
        env={**scrubbed_environment(), "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise BenchError(f"The clean-up could not be measured.\n{done.stderr.strip()}")
    found = json.loads(done.stdout)
    log = [mib / LOG_MIB for mib in found["log"]]
    size = [after / before for after, before in zip(found["after"], found["before"], strict=True)]
    return [
        ratio_of(
            "p99 of a write, 20 writers: during a clean-up / without",
            found["p99 during"],
            found["p99 without"],
            "ms",
            at_most=2,
        ),
        ratio_of(
            "the longest of these writes: during a clean-up / without",
            found["longest during"],
            found["longest without"],
            "ms",
        ),
        Figure(
            f"write-ahead log at its largest / {LOG_MIB} MiB",
            log,
            f"{number(median(found['log']))} MiB",
            at_most=1,
        ),
        Figure(
            "file after the clean-up of half of its sessions / before",
            size,
            f"{number(median(found['after']))} / {number(median(found['before']))} MiB; "
            f"{number(median(found['rows']))} rows a second deleted",
        ),
    ]


async def _measure(folder: Path) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {
        name: []
        for name in (
            "p99 during", "p99 without", "longest during", "longest without",
            "log", "before", "after", "rows",
        )
    }  # fmt: skip
    for number_ in range(ROUNDS):
        await _round(folder / f"{number_}.db", found)
    return found


async def _round(file: Path, found: dict[str, list[float]]) -> None:
    from app.sessions import SessionStore  # type: ignore[import-not-found]
    from shared.database import Database

    os.environ["CHATKIT_AUDIT"] = str(file.with_suffix(".jsonl"))
    database = Database(file)
    store = SessionStore(database)
    await _fill(store)
    await database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    found["before"].append(_mib(file))
    log = Path(f"{file}-wal")
    largest = 0.0
    began = time.perf_counter()
    async with _writers(store) as during:
        cleaning = asyncio.create_task(store.clean_up())
        while not cleaning.done():
            await asyncio.sleep(0.01)
            largest = max(largest, _mib(log))
        took = time.perf_counter() - began
    cleaned = await cleaning
    if cleaned != THREADS // 2:
        raise BenchError(f"{cleaned} of {THREADS // 2} sessions were cleaned.")
    # As long without it, on the same file.
    async with _writers(store) as without:
        await asyncio.sleep(took)
    await database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    await database.close()
    found["after"].append(_mib(file))
    found["log"].append(largest)
    found["rows"].append(THREADS // 2 * (ITEMS_EACH + 1) / took)
    for name, times in (("during", during), ("without", without)):
        found[f"p99 {name}"].append(quantiles(times, n=100)[98])
        found[f"longest {name}"].append(max(times))


async def _fill(store: Any) -> None:
    """The newer half of the sessions is live, the older half expired years ago."""
    from chatkit.types import ThreadMetadata

    from shared import clock
    from shared.context import RequestContext
    from tests.bench.stores import _item

    context = RequestContext("alice")

    async def fill(numbers: range) -> None:
        for n in numbers:
            thread_id = f"thr_{n}"
            await store.save_thread(ThreadMetadata(id=thread_id, created_at=clock.now()), context)
            for _ in range(ITEMS_EACH):
                await store.save_item(thread_id, _item(thread_id), context)

    await asyncio.gather(*(fill(range(start, THREADS, 100)) for start in range(100)))
    await store.database.write(
        "UPDATE sessions SET active_at = ?, created_at = ? WHERE rowid <= ?",
        [OLD, OLD, THREADS // 2],
    )


@asynccontextmanager
async def _writers(store: Any) -> AsyncIterator[list[float]]:
    """20 people who write as people do, one item after the other with a pause; how long each write
    took, in ms."""
    from shared.context import RequestContext
    from tests.bench.stores import _item

    times: list[float] = []

    async def write(thread_id: str) -> None:
        while True:
            began = time.perf_counter()
            await store.save_item(thread_id, _item(thread_id), RequestContext("alice"))
            times.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(PAUSE)

    live = await store.database.rows(
        "SELECT thread_id FROM sessions WHERE active_at > ? LIMIT ?", [OLD, WRITERS]
    )
    tasks = [asyncio.create_task(write(row["thread_id"])) for row in live]
    try:
        yield times
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _mib(file: Path) -> float:
    return file.stat().st_size / (1 << 20) if file.exists() else 0.0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="workbook-bench-") as name:
        print(json.dumps(asyncio.run(_measure(Path(name)))))
