"""`make bench`: measure what the workbook promises about speed, and say whether it holds.

    WITHOUT=parser,uvloop   without these levers, to see what they are worth
    ONLY=server,store       only these groups; there are `commands`, `sessions` and `postgres` too

Writes `.workbook/bench.json`, and after a whole run with all levers the chart `lessons/bench.svg`.
Exit status: 0 every bar is met, 1 one is missed, 2 it could not be measured.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

from rich.console import Console

from checkpoints.lesson import LESSONS, STATE
from tests.bench import commands, policies, server_figures, sessions, stores
from tests.bench.chart import draw
from tests.bench.figure import BenchError, Figure, print_figures, write_json
from tests.bench.served import SERVER_LEVERS

GROUPS = ("commands", "server", "store", "sessions", "postgres")


def main() -> int:
    """Measure, print, write. Returns the exit status. Raises what a starter raises."""
    console = Console(highlight=False)
    try:
        without = _names("WITHOUT", _levers)
        only = _names("ONLY", lambda: GROUPS) or list(GROUPS)
        began, load = time.monotonic(), os.getloadavg()[0]
        figures = _measure(only, without, console)
    except BenchError as error:
        console.print(str(error), style="red", markup=False)
        return 2
    loads = load, os.getloadavg()[0]
    console.print(
        f"\n{time.monotonic() - began:.0f} s on {os.cpu_count()} cores. Load: {loads[0]:.1f} at the "
        f"start, {loads[1]:.1f} at the end, with the bench's own."
    )
    if without:
        console.print(f"Without {', '.join(without)}.")
    write_json(STATE / "bench.json", figures, without, loads)
    if not without and len(only) == len(GROUPS):
        (LESSONS / "bench.svg").write_text(draw(figures), encoding="utf-8")
    return 0 if all(one.met for one in figures) else 1


def _measure(only: Sequence[str], without: Sequence[str], console: Console) -> list[Figure]:
    measures: dict[str, Callable[[], list[Figure]]] = {
        "commands": commands.measure,
        "server": lambda: server_figures.measure(without),
        "store": stores.measure,
        "sessions": sessions.measure,
        "postgres": policies.measure,
    }
    figures = []
    for group in GROUPS:
        if group in only:
            console.print(f"Measuring: {group} …", style="dim")
            measured = measures[group]()
            print_figures(measured, console)
            figures += measured
    return figures


def _names(variable: str, known: Callable[[], Sequence[str]]) -> list[str]:
    """The names that a variable lists. Raises BenchError for one that is not known."""
    names = [name.strip() for name in os.environ.get(variable, "").split(",") if name.strip()]
    if unknown := [name for name in names if name not in known()]:
        raise BenchError(
            f"{variable} names {', '.join(unknown)}, which is not known here. "
            f"There are: {', '.join(known())}."
        )
    return names


def _levers() -> Sequence[str]:
    from shared.sdk import LEVERS  # takes seconds

    return (*LEVERS, *SERVER_LEVERS)
