"""Verdicts for people (on a terminal), for programs (JSON, check50's shape) and for a class (CSV)."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from checkpoints.engine.verdict import Report, Verdict
from checkpoints.lesson import Lesson

_STYLES = {"passed": "green", "failed": "red", "not reached": "dim", "not judged": "yellow"}


def marks(console: Console) -> dict[str, str]:
    """The sign in front of a line, in ASCII where the terminal knows nothing else."""
    if "utf" in console.encoding.lower():
        return {"passed": "✓", "failed": "✗", "not reached": "·", "not judged": "–"}
    return {"passed": "ok", "failed": "XX", "not reached": "..", "not judged": "--"}


def print_verdict(console: Console, lesson: Lesson, verdict: Verdict) -> None:
    """One check's line and, where it failed, what there is to learn."""
    style = _STYLES[verdict.outcome]
    line = Text.assemble((f" {marks(console)[verdict.outcome]} ", style), verdict.title)
    if not verdict.info.core:
        line.append("  (further)", "dim")
    if verdict.outcome == "not reached":
        line.append("  not reached", "dim")
    elif verdict.reason:
        line.append(f"  {verdict.outcome}: {verdict.reason}", "dim")
    if verdict.remark and verdict.outcome != "failed":  # what failed says it below
        line.append(f"  {verdict.remark}", "dim")
    console.print(line)
    if verdict.outcome == "failed":
        console.print(Padding(_lesson_of(lesson, verdict), (0, 0, 1, 3)))


def _lesson_of(lesson: Lesson, verdict: Verdict) -> Table:
    touch = lesson.touch_of(verdict.name, verdict.symbol)
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    rows = [
        ("tried", verdict.tried),
        ("observed", verdict.observed),
        ("expected", verdict.expected),
        ("your code", verdict.traceback),
        ("why", verdict.info.why),
        ("concept", touch.concept),
        ("read", lesson.link(touch.section)),
        ("hint", f"{touch.hints[0]} (make hint-{lesson.number:02d} gives more.)"),
    ]
    for name, text in rows:
        if text:
            table.add_row(name, Text(_plain(text), style="bold" if name == "observed" else ""))
    return table


def _plain(text: str) -> str:
    """Without what would move the cursor or colour the terminal: the text quotes a student's work."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "�" for sign in text)


def print_summary(console: Console, lesson: Lesson, report: Report) -> None:
    """The last lines: how many passed, and what to do now."""
    core = [verdict for verdict in report.verdicts if verdict.info.core]
    done = sum(verdict.outcome == "passed" for verdict in core)
    unjudged = sum(verdict.outcome == "not judged" for verdict in core)
    number = f"{lesson.number:02d}"
    console.print()
    said = f"{done} of {len(core)} core checks passed"
    said += f", {unjudged} could not be judged" if unjudged else ""
    if report.passed:
        console.print(Text(f"{said}. Lesson {number} is done.", "bold green"))
        further = [verdict for verdict in report.failures if not verdict.info.core]
        if further:
            console.print("What is red above goes further; it does not hold you up.")
    else:
        console.print(Text(f"{said}.", "bold red"))
        console.print(f"Mend the first red one, then type: make check-{number}")
    if lesson.has_code:
        seed = f"Words from seed {report.seed} (SEED={report.seed} repeats them)."
        console.print(Text(seed, "dim"))
    if not report.passed and os.environ.get("MAKELEVEL"):
        console.print(
            Text("The line that make adds below only repeats that a check failed.", "dim")
        )


def as_json(lesson: Lesson, report: Report) -> dict[str, Any]:
    """The report in the shape of check50's, with concept, link and misconception added."""
    return {
        "slug": f"chatkit-workbook/{lesson.name}",
        "version": "1",
        "submission": report.submission,
        "passed": report.passed,
        "seed": report.seed,
        "results": [_result(lesson, verdict) for verdict in report.verdicts],
    }


def _result(lesson: Lesson, verdict: Verdict) -> dict[str, Any]:
    touch = lesson.touch_of(verdict.name, verdict.symbol)
    failed = verdict.outcome == "failed"
    return {
        "name": verdict.name,
        "description": verdict.title,
        "passed": {"passed": True, "failed": False}.get(verdict.outcome),
        "outcome": verdict.outcome,
        "core": verdict.info.core,
        "log": [said for said in (verdict.tried, verdict.remark) if said],
        "cause": {
            "rationale": verdict.observed,
            "expected": verdict.expected,
            "help": touch.hints[0],
            "traceback": verdict.traceback,
        }
        if failed
        else ({"rationale": verdict.reason, "help": None} if verdict.reason else None),
        "data": {},
        "dependency": verdict.info.needs[0] if verdict.info.needs else None,
        "concept": touch.concept,
        "why": verdict.info.why,
        "anchor": lesson.link(touch.section),
        "misconception": verdict.misconception,
        "slips": [
            {"symbol": slip.symbol, "misconception": slip.misconception} for slip in verdict.slips
        ],
    }


def as_csv(reports: Sequence[Report]) -> str:
    """A row a submission: name, passed, core checks passed, and each check's outcome."""
    names = [verdict.name for verdict in reports[0].verdicts] if reports else []
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["submission", "passed", "core_passed", "misconceptions", *names])
    for report in reports:
        outcomes = {verdict.name: verdict.outcome for verdict in report.verdicts}
        core = [verdict for verdict in report.verdicts if verdict.info.core]
        table.writerow(
            [
                report.submission,
                "yes" if report.passed else "no",
                sum(verdict.outcome == "passed" for verdict in core),
                " ".join(name for verdict in report.failures for name in verdict.misconceptions),
                *(outcomes.get(name, "") for name in names),
            ]
        )
    return text.getvalue()


def print_class(console: Console, lesson: Lesson, reports: Sequence[Report]) -> None:
    """Who passed, and which misconceptions the class shares."""
    table = Table("work", "core", "first red check", box=None, header_style="dim")
    for report in reports:
        core = [verdict for verdict in report.verdicts if verdict.info.core]
        done = sum(verdict.outcome == "passed" for verdict in core)
        first = report.failures[0].title if report.failures else ""
        if report.failures and (remark := report.failures[0].remark):
            first += f" ({remark})"
        first = first if report.verdicts else "no work for this lesson"
        table.add_row(
            report.submission,
            Text(f"{done}/{len(core)}", "green" if report.passed else "red"),
            first,
        )
    console.print(table)
    shared: Counter[str] = Counter()
    sections: dict[str, str] = {}  # where it showed first
    for verdict in (one for report in reports for one in report.failures[:1]):
        for name in verdict.misconceptions:
            shared[name] += 1
            touch = lesson.touch_of(verdict.name, _symbol_of(verdict, name))
            sections.setdefault(name, touch.section)
    if shared:
        console.print("\nMisconceptions, the commonest first:")
        for name, count in shared.most_common():
            console.print(f" {count:3}  {name}  ({lesson.link(sections[name])})")


def _symbol_of(verdict: Verdict, misconception: str) -> str | None:
    """Where in the work a misconception showed first, if the check said so."""
    named = [slip.symbol for slip in verdict.slips if slip.misconception == misconception]
    return named[0] if named else None
