"""Judges every wrong and right work once, and ends the run with a table of the figures."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections import ChainMap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from checkpoints import lesson as lessons
from checkpoints.lesson import ROOT
from checkpoints.submission import build_example, examples, own_folders

CLASSES = 3  # that are graded side by side: much of a check is waiting

_TABLE = pytest.StashKey[dict[int, list[str]]]()

Results = dict[str, dict[str, Any]]
"""Name of the work → the report that `make grade-NN JSON=1` gives."""


def grade(lesson: lessons.Lesson, folder: Path) -> Results:
    """Grade a folder of works with the command that an instructor types."""
    command = [sys.executable, "-m", "checkpoints", "grade", lesson.name, "--json", "--seed", "4"]
    done = subprocess.run(
        [*command, "--class", str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    return {report["submission"]: report for report in json.loads(done.stdout)}


@cache
def _graded(number: int) -> Results:
    lesson = lessons.load(number)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(CLASSES) as pool:
        classes = [Path(folder, str(one)) for one in range(CLASSES)]
        works = [(kind, name) for kind in ("wrong", "right") for name in examples(lesson, kind)]
        for (kind, name), class_ in zip(works, cycle(classes), strict=False):
            work = build_example(lesson, kind, name)
            for part in own_folders(lesson, work):
                if kind == "right" or part.name == "app" or _differs(lesson, name, part.name):
                    shutil.copytree(part, class_ / f"{kind}-{name}" / part.name)
        found = pool.map(lambda class_: grade(lesson, class_), filter(Path.exists, classes))
        return dict(ChainMap(*found))


def _differs(lesson: lessons.Lesson, name: str, part: str) -> bool:
    """Whether this part of a wrong work is another one than the checkpoint's.

    The written part takes long to judge, and says nothing about code that it does not go with.
    """
    return (lessons.SUBMISSIONS / lesson.name / "wrong" / name / part).is_dir()


@pytest.fixture(scope="session")
def graded(pytestconfig: pytest.Config) -> Callable[[int], Results]:
    """The reports on all wrong and right works of a lesson, by number."""

    def report(number: int) -> Results:
        results = _graded(number)
        pytestconfig.stash.setdefault(_TABLE, {})[number] = _row(number, results)
        return results

    return report


def _row(number: int, results: Results) -> list[str]:
    lesson = lessons.load(number)
    wrong, right = examples(lesson, "wrong"), examples(lesson, "right")
    caught = 0
    for name in wrong:
        failed = [
            one["name"] for one in results[f"wrong-{name}"]["results"] if one["passed"] is False
        ]
        caught += failed[:1] == [mistake(number, name)["check"]]
    accepted = sum(
        not [one for one in results[f"right-{name}"]["results"] if one["passed"] is False]
        for name in right
    )
    checks = len(results[f"right-{right[0]}"]["results"])
    return [lesson.name, str(checks), f"{caught}/{len(wrong)}", f"{accepted}/{len(right)}"]


def mistake(number: int, name: str) -> dict[str, Any]:
    """What `mistake.toml` says of a wrong work."""
    import tomllib

    folder = lessons.SUBMISSIONS / lessons.folder_name(number) / "wrong" / name
    return tomllib.loads((folder / "mistake.toml").read_text(encoding="utf-8"))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    table = config.stash.get(_TABLE, {})
    if table:
        terminalreporter.section("How good the checks are")
        head = ["lesson", "checks", "wrong work caught", "right work accepted"]
        for row in [head, *table.values()]:
            line = "  ".join(cell.ljust(len(title)) for cell, title in zip(row, head, strict=True))
            terminalreporter.write_line(line.rstrip())
