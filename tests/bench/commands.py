"""The workbook's own commands against the import of the SDKs, which nobody can do without."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from checkpoints.engine.server import CannotStart, StudentServer
from checkpoints.engine.warm import ROOT, Fresh, Starter, make_starter, scrubbed_environment
from tests.bench.figure import BenchError, Figure, ratio_of
from tests.bench.served import CHECKPOINT

ROUNDS = 3
PATIENCE = 120.0  # seconds for all of `watch`
IMPORT = "import agents, chatkit.agents, chatkit.server"


def measure() -> list[Figure]:
    """Measure how long a student waits. About 80 seconds. Raises BenchError."""
    _run("-c", IMPORT)  # from here on the files are in memory
    imports, checks = [], []
    for _ in range(ROUNDS):
        imports.append(_run("-c", IMPORT))
        checks.append(_run("-m", "checkpoints", "check", "02", "--from", "checkpoint"))
    rechecks, imports_between = _rechecks()
    warm, cold = _boots()
    return [
        ratio_of("make check-02 from cold / importing the SDKs", checks, imports, "s", at_most=2),
        ratio_of(
            "a re-check in make watch-02 / importing the SDKs",
            rechecks,
            imports_between,
            "s",
            at_most=0.5,
        ),
        ratio_of("server boot from the warm process / from cold", warm, cold, "s", at_most=0.1),
    ]


def _run(*arguments: str) -> float:
    """Seconds that Python takes for it, start and end included."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=scrubbed_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    took = time.perf_counter() - began
    if done.returncode:
        raise BenchError(f"python {' '.join(arguments)} failed.\n{done.stdout}{done.stderr}")
    return took


def _rechecks() -> tuple[list[float], list[float]]:
    """Seconds from each save to the end of the report; and of an import right before each."""
    took, imports = [], []
    with tempfile.TemporaryDirectory(prefix="workbook-bench-") as folder, _watch(folder) as lines:
        _read_report(lines)
        for number in range(ROUNDS):
            imports.append(_run("-c", IMPORT))
            began = time.perf_counter()
            with Path(folder, "app", "server.py").open("a") as work:
                work.write(f"# saved {number}\n")
            _read_report(lines)
            took.append(time.perf_counter() - began)
    return took, imports


@contextmanager
def _watch(folder: str) -> Iterator[Iterator[str]]:
    """The lines that `watch 02` prints about a copy of the checkpoint in `folder`."""
    shutil.copytree(CHECKPOINT / "app", Path(folder, "app"))
    process = subprocess.Popen(
        [sys.executable, "-m", "checkpoints", "watch", "02", "--submission", folder],
        cwd=ROOT,
        env=scrubbed_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    watchdog = threading.Timer(PATIENCE, process.kill)
    watchdog.start()
    try:
        yield iter(process.stdout)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate()
        watchdog.cancel()


def _read_report(lines: Iterator[str]) -> None:
    said = []
    for line in lines:
        said.append(line)
        if line.startswith("Judged in"):
            return
    raise BenchError(f"make watch-02 ended before it had judged.\n{''.join(said)}")


def _boots() -> tuple[list[float], list[float]]:
    """Seconds until a server serves: forked from the warm process, and in a fresh interpreter."""
    starter = make_starter()
    fresh = Fresh()
    try:
        _boot(starter)  # waits until the warm process is warm
        boots = [(_boot(starter), _boot(fresh)) for _ in range(ROUNDS)]
    finally:
        starter.close()
        fresh.close()
    return [warm for warm, _ in boots], [cold for _, cold in boots]


def _boot(starter: Starter) -> float:
    server = StudentServer(CHECKPOINT / "app", starter, {"CHATKIT_MODEL": "offline"})

    async def start() -> float:
        began = time.perf_counter()
        try:
            await server.start()
            return time.perf_counter() - began
        except CannotStart as error:
            raise BenchError(f"Lesson 2's checkpoint does not start: {error}.") from None
        finally:
            await server.close()

    return asyncio.run(start())
