"""What the student has passed, and how many hints they have seen. Lies in `.workbook/`."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from checkpoints.engine.verdict import Report
from checkpoints.lesson import STATE, Lesson
from checkpoints.submission import Work, lesson_folder, own_folders, work_files

_FIELDS = {
    "passed": str,
    "code": str,
    "failed": list,
    "symbol": str,
    "score": list,
    "hints": dict,
    "tries": dict,
}


def fingerprint(*folders: Path) -> str:
    """A hash of the work in these folders."""
    digest = hashlib.sha256()
    for folder in folders:
        for file in work_files(folder):
            digest.update(os.fsencode(file.relative_to(folder)) + b"\0")
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _file_of(submission: str) -> Path:
    folder = Path(os.path.expanduser(submission)).resolve()
    short = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return STATE / "submissions" / f"{folder.name}-{short}.json"


class Progress:
    """The file, read once. What cannot be read in it counts as not there: it can be earned again."""

    def __init__(self, file: Path = STATE / "progress.json", submission: str | None = None) -> None:
        self._file = file
        self._submission = submission
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            found = None
        self._data: dict[str, dict[str, Any]] = {
            name: {
                field: value
                for field, value in entry.items()
                if isinstance(value, _FIELDS.get(field, ()))
            }
            for name, entry in (found.items() if isinstance(found, dict) else ())
            if isinstance(entry, dict)
        }

    @classmethod
    def of(cls, submission: str | None) -> Progress:
        """One's own (None), or that of somebody else's folder. Both are kept here, not there."""
        return cls(_file_of(submission), submission) if submission else cls()

    def _save(self) -> None:
        """Replace the file in one step, so that an interrupted command leaves the old one."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        new = self._file.with_suffix(f".{os.getpid()}")
        new.write_text(json.dumps(self._data, indent=2) + "\n", encoding="utf-8")
        new.replace(self._file)

    def _entry(self, lesson: Lesson) -> dict[str, Any]:
        return self._data.setdefault(lesson.name, {})

    def note(self, lesson: Lesson, report: Report, work: Work) -> None:
        """Keep what a check said."""
        entry = self._entry(lesson)
        entry["failed"] = [verdict.name for verdict in report.failures]
        entry["symbol"] = (report.failures[0].symbol if report.failures else None) or ""
        entry["score"] = [
            sum(verdict.outcome == "passed" for verdict in report.verdicts),
            len(report.verdicts),
        ]
        if report.passed:
            entry["passed"] = datetime.now(UTC).isoformat(timespec="seconds")
            entry["code"] = fingerprint(*own_folders(lesson, work))
            entry.pop("hints", None)
        self._save()

    def passed_at(self, lesson: Lesson) -> str | None:
        """When the lesson was passed (ISO, UTC), or None."""
        moment: str | None = self._entry(lesson).get("passed")
        return moment

    def score(self, lesson: Lesson) -> tuple[int, int] | None:
        """Checks passed and checks in all, the last time they ran."""
        match self._entry(lesson).get("score"):
            case [int(passed), int(checks)]:
                return passed, checks
        return None

    def changed_since_pass(self, lesson: Lesson) -> bool:
        """Whether the code is another than the one that passed."""
        folder = lesson_folder(lesson, self._submission)
        folders = own_folders(lesson, Work(folder / "app", folder / "work"))
        known = self._entry(lesson).get("code")
        return known is not None and bool(folders) and fingerprint(*folders) != known

    def failed_checks(self, lesson: Lesson) -> list[str] | None:
        """The checks that failed the last time; None where they never ran."""
        found: list[str] | None = self._entry(lesson).get("failed")
        return found

    def first_symbol(self, lesson: Lesson) -> str | None:
        """Where in the work the first of them was, if it said so."""
        return self._entry(lesson).get("symbol") or None

    def tries(self, lesson: Lesson) -> dict[str, list[str]]:
        """The wrong answers so far, by question. Who adds to it has it kept by the next `note`."""
        kept = self._entry(lesson).setdefault("tries", {})
        for question in [name for name, given in kept.items() if not isinstance(given, list)]:
            del kept[question]
        known: dict[str, list[str]] = kept
        return known

    def next_hint(self, lesson: Lesson, topic: str, tiers: int) -> int:
        """Which hint to show now, from 0: one more than last time, up to the last."""
        hints = self._entry(lesson).setdefault("hints", {})
        seen = hints.get(topic)
        tier = min(seen + 1, tiers - 1) if isinstance(seen, int) else 0
        hints[topic] = tier
        self._save()
        return tier
