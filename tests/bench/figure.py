"""A figure: a ratio of two things measured in the same run, and the bar that it has to meet."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console


class BenchError(Exception):
    """Nothing could be measured. The text says why."""


@dataclass(frozen=True)
class Figure:
    """`ratios` holds one for each round; the figure is their median."""

    name: str
    ratios: Sequence[float]
    values: str  # the medians of what was divided, with units, for people
    at_most: float | None = None
    at_least: float | None = None

    @property
    def ratio(self) -> float:
        return median(self.ratios)

    @property
    def bar(self) -> float | None:
        return self.at_most if self.at_most is not None else self.at_least

    @property
    def measured(self) -> bool:
        return bool(self.ratios)

    @property
    def met(self) -> bool:
        """Whether the bar is met. What has no bar, or could not be measured, misses none."""
        if not self.measured:
            return True
        return (self.at_most is None or self.ratio <= self.at_most) and (
            self.at_least is None or self.ratio >= self.at_least
        )


def ratio_of(
    name: str,
    above: Sequence[float],
    below: Sequence[float],
    unit: str,
    *,
    at_most: float | None = None,
    at_least: float | None = None,
) -> Figure:
    """The figure `above / below`, divided round by round: both had the same weather."""
    return Figure(
        name,
        [one / other for one, other in zip(above, below, strict=True)],
        f"{number(median(above))} / {number(median(below))} {unit}",
        at_most,
        at_least,
    )


def print_figures(figures: Sequence[Figure], console: Console) -> None:
    """Two lines each: the ratio, its bar and whether it is met; what was divided, and the spread."""
    for one in figures:
        if not one.measured:
            console.print(
                f"{'?':>7}  not measured      {one.name}\n{'':31}{one.values}", soft_wrap=True
            )
            continue
        bar, verdict = "reported", ""
        if one.bar is not None:
            bar = f"at {'most' if one.at_most is not None else 'least'} {one.bar:g}"
            verdict = "[green]met[/green]   " if one.met else "[red]MISSED[/red]"
        spread = f"{number(min(one.ratios))} to {number(max(one.ratios))}"
        console.print(
            f"{number(one.ratio):>7}  {bar:<13} {verdict:6} {one.name}\n"
            f"[dim]{'':31}{one.values}; {spread} in {len(one.ratios)} rounds[/dim]",
            soft_wrap=True,
        )


def write_json(
    file: Path, figures: Sequence[Figure], without: Sequence[str], loads: Sequence[float]
) -> None:
    """Everything that was printed, and the machine it was measured on."""
    report: dict[str, Any] = {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load": list(loads),
        "without": list(without),
        "figures": [
            {
                "name": one.name,
                "values": one.values,
                "ratio": one.ratio if one.measured else None,
                "ratios": list(one.ratios),
                "at_most": one.at_most,
                "at_least": one.at_least,
                "met": one.met if one.measured and one.bar is not None else None,
            }
            for one in figures
        ],
    }
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def number(value: float) -> str:
    """Three digits that count: 0.0213, 5.08, 131, 12,300."""
    return f"{float(f'{value:.3g}'):,.4g}" if value < 1000 else f"{float(f'{value:.3g}'):,.0f}"
