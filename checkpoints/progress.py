"""What the student has passed, and how many hints they have seen. Lies in `.workbook/`."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from checkpoints import lesson as lessons
from checkpoints.engine.verdict import Report
from checkpoints.lesson import STATE, Lesson

_FILE = STATE / "progress.json"


def fingerprint(app: Path) -> str:
    """A hash of the code in a folder `app`."""
    digest = hashlib.sha256()
    for file in sorted(app.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(f"{file.relative_to(app)}\0".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


class Progress:
    """The file, read once. A file that cannot be read counts as none: it can be earned again."""

    def __init__(self, file: Path = _FILE) -> None:
        self._file = file
        try:
            self._data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._data = {}

    def _save(self) -> None:
        """Replace the file in one step, so that an interrupted command leaves the old one."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(self._data, indent=2) + "\n", encoding="utf-8")
        new.replace(self._file)

    def _entry(self, lesson: Lesson) -> dict[str, Any]:
        entry: dict[str, Any] = self._data.setdefault(lesson.name, {})
        return entry

    def note(self, lesson: Lesson, report: Report, app: Path) -> None:
        """Keep what a check of one's own work said."""
        entry = self._entry(lesson)
        entry["failed"] = [verdict.name for verdict in report.failures]
        entry["score"] = [
            sum(verdict.outcome == "passed" for verdict in report.verdicts),
            len(report.verdicts),
        ]
        if report.passed:
            entry["passed"] = datetime.now(UTC).isoformat(timespec="seconds")
            entry["code"] = fingerprint(app)
            entry.pop("hints", None)
        self._save()

    def passed_at(self, lesson: Lesson) -> str | None:
        """When the lesson was passed (ISO, UTC), or None."""
        moment: str | None = self._entry(lesson).get("passed")
        return moment

    def score(self, lesson: Lesson) -> tuple[int, int] | None:
        """Checks passed and checks in all, the last time they ran."""
        found = self._entry(lesson).get("score")
        return tuple(found) if found else None

    def changed_since_pass(self, lesson: Lesson) -> bool:
        """Whether the code is another than the one that passed."""
        app = lesson.folder / "app"
        known = self._entry(lesson).get("code")
        return known is not None and app.is_dir() and fingerprint(app) != known

    def missing_before(self, lesson: Lesson) -> list[Lesson]:
        """The earlier lessons that are not passed yet."""
        earlier = [lessons.load(number) for number in lessons.numbers() if number < lesson.number]
        return [one for one in earlier if not self.passed_at(one)]

    def failed_checks(self, lesson: Lesson) -> list[str] | None:
        """The checks that failed the last time; None where they never ran."""
        found: list[str] | None = self._entry(lesson).get("failed")
        return found

    def next_hint(self, lesson: Lesson, topic: str, tiers: int) -> int:
        """Which hint to show now, from 0: one more than last time, up to the last."""
        hints = self._entry(lesson).setdefault("hints", {})
        tier = min(int(hints.get(topic, -1)) + 1, tiers - 1)
        hints[topic] = tier
        self._save()
        return tier
