"""A lesson as its `lesson.toml` describes it, and where its files lie."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from checkpoints.engine import quiz

ROOT = Path(__file__).resolve().parents[1]
CHECKPOINTS = ROOT / "checkpoints"
LESSONS = ROOT / "lessons"
SUBMISSIONS = ROOT / "tests" / "submissions"
STATE = ROOT / ".workbook"
LAST_LESSON = 8
ANSWERS = "work/answers.toml"  # where a lesson's questions are answered


class LessonError(Exception):
    """A lesson that is not there. The text is a sentence for the person who asked for it."""


@dataclass(frozen=True)
class Touch:
    """One symbol that the lesson adds or changes (`app/server.py::TaskServer.respond`), or a file."""

    symbol: str
    concept: str
    section: str  # a heading of the lesson's text
    hints: tuple[str, ...]
    checks: tuple[str, ...] = ()
    overrides: bool = False  # of a working method: its stub calls super()
    given: bool = False  # the starter has it whole, in a new file

    @property
    def file(self) -> str:
        return self.symbol.split("::")[0]

    @property
    def name(self) -> str | None:
        """The dotted name in the file, `<module>` for its top level, None for a whole file."""
        return self.symbol.split("::")[1] if "::" in self.symbol else None


@dataclass(frozen=True)
class Lesson:
    """One lesson. `touches` in the order in which the text takes them."""

    number: int
    title: str
    path: str  # of the ChatKit endpoint
    concepts: tuple[str, ...]
    objectives: tuple[str, ...]
    criteria: tuple[str, ...]
    things_to_try: tuple[str, ...]
    touches: tuple[Touch, ...]
    removes: tuple[str, ...] = ()  # symbols of the lesson before that are gone
    issuer: bool = False  # its server believes signed tokens, so somebody has to sign some

    @property
    def name(self) -> str:
        return folder_name(self.number)

    @property
    def folder(self) -> Path:
        """Where the student works."""
        return LESSONS / self.name

    @property
    def checkpoint(self) -> Path:
        """The reference: `app/`, `checks.py`, `lesson.toml`."""
        return CHECKPOINTS / self.name

    @property
    def template(self) -> Path:
        """What the student's `work/` begins with; missing where a lesson asks for nothing written."""
        return self.checkpoint / "template"

    @property
    def has_code(self) -> bool:
        """Whether the student writes code, in `app/`. Where not, there is no server to judge."""
        return any(touch.file.startswith("app/") for touch in self.touches)

    @property
    def recording(self) -> Path:
        """The conversation that the lesson shows in place of a server; missing in most."""
        return self.checkpoint / "recording.json"

    @property
    def text(self) -> Path:
        return self.folder / "README.md"

    def touch_of(self, check: str, symbol: str | None = None) -> Touch:
        """The symbol that a check looks at, for its concept, section and hints.

        `symbol`: which one of several, where the check told.
        """
        looked_at = [touch for touch in self.touches if check in touch.checks]
        named = [touch for touch in looked_at if touch.symbol == symbol]
        return (named or looked_at or list(self.touches))[0]

    def link(self, section: str) -> str:
        """The address of a section of the text, as people and editors open it."""
        return f"lessons/{self.name}/README.md#{anchor(section)}"


def folder_name(number: int) -> str:
    return f"L{number:02d}"


def anchor(heading: str) -> str:
    """The anchor that Git hosts give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def parse_number(text: str) -> int:
    """`02`, `2`, `L02` or `lesson-02` → 2. Raises LessonError."""
    found = re.fullmatch(r"(?:lesson-)?[lL]?0*([0-9]{1,2})", text.strip())
    if not found or not 1 <= int(found[1]) <= LAST_LESSON:
        raise LessonError(f"There is no lesson “{text}”. Lessons are 01 to {LAST_LESSON:02d}.")
    return int(found[1])


@cache
def load(number: int) -> Lesson:
    """Read `checkpoints/LNN/lesson.toml`. Raises LessonError where it is not written yet."""
    file = CHECKPOINTS / folder_name(number) / "lesson.toml"
    if not file.exists():
        there = ", ".join(f"{other:02d}" for other in numbers())
        raise LessonError(f"Lesson {number:02d} is not in this edition yet. There is: {there}.")
    fields: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    touches = tuple(
        Touch(
            symbol=entry["symbol"],
            concept=entry["concept"],
            section=entry["section"],
            hints=tuple(entry["hints"]),
            checks=tuple(entry.get("checks", ())),
            overrides=entry.get("overrides", False),
            given=entry.get("given", False),
        )
        for entry in fields["touches"]
    ) + tuple(
        Touch(f"{ANSWERS}::{one.name}", one.concept, one.section, one.hints, one.checks)
        for one in quiz.load(file.parent)
    )
    return Lesson(
        number=number,
        title=fields["title"],
        path=fields.get("path", "/chatkit"),
        concepts=tuple(fields["concepts"]),
        objectives=tuple(fields["objectives"]),
        criteria=tuple(fields["criteria"]),
        things_to_try=tuple(fields["things_to_try"]),
        touches=touches,
        removes=tuple(fields.get("removes", ())),
        issuer=fields.get("issuer", False),
    )


def numbers() -> list[int]:
    """The lessons of this edition."""
    return sorted(int(file.parent.name[1:]) for file in CHECKPOINTS.glob("L[0-9][0-9]/lesson.toml"))
