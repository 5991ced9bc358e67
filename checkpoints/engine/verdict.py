"""What a check says: `Failed` raised inside a check, `Verdict` as it is reported."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from textwrap import dedent
from typing import Any, Literal

# pytest names it `pytest.skip.Exception`, which type checkers cannot derive from.
from _pytest.outcomes import Skipped

Outcome = Literal["passed", "failed", "not reached", "not judged"]


@dataclass(frozen=True)
class Slip:
    """One mistake among several that a check found, and the symbol of `lesson.toml` it is made at."""

    misconception: str
    symbol: str


class Failed(Exception):
    """The student's work does not do what the lesson asks. Sentences, without a final newline.

    `tried`: what the check did. `observed`: what came of it. `expected`: what should have.
    `misconception`: a short name of the misunderstanding behind it, the same for a whole class.
    `slips`: all of them, where the check looks at many answers at once; the first gives the hints.
    """

    def __init__(
        self,
        *,
        tried: str,
        observed: str,
        expected: str,
        misconception: str | None = None,
        slips: Sequence[Slip] = (),
    ) -> None:
        super().__init__(observed)
        self.tried = tried
        self.observed = observed
        self.expected = expected
        self.misconception = misconception
        self.slips = tuple(slips)


def short(text: str, most: int = 160) -> str:
    """The text in one line of so many characters at most, for a sentence."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


class NotJudged(Skipped):
    """This check says nothing about this work, or cannot be made on this machine. Says why."""


@dataclass(frozen=True)
class CheckInfo:
    """What the decorator `check` notes down."""

    why: str
    needs: tuple[str, ...] = ()
    core: bool = True
    keeps: bool = False
    covers: tuple[str, ...] = ()


def check(
    *,
    why: str,
    needs: tuple[Callable[..., Any], ...] = (),
    core: bool = True,
    keeps: bool = False,
    covers: tuple[str, ...] = (),
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark an async function as a check; its docstring is its title.

    `why` it matters, in a sentence. `needs`: checks without which this one says nothing. `core`
    checks gate the next lesson, others are graded only. `keeps`: the starter may pass it already.
    `covers`: the plan's objectives and success criteria.
    """

    def note(function: Callable[..., Any]) -> Callable[..., Any]:
        names = tuple(needed.__name__ for needed in needs)
        function.check_info = CheckInfo(why, names, core, keeps, covers)  # type: ignore[attr-defined]
        return function

    return note


@dataclass
class Verdict:
    """One check's result for one submission."""

    name: str
    title: str
    outcome: Outcome
    info: CheckInfo
    tried: str | None = None
    observed: str | None = None
    expected: str | None = None
    misconception: str | None = None
    slips: tuple[Slip, ...] = ()
    traceback: str | None = None
    reason: str | None = None  # of "not reached" and "not judged"
    remark: str | None = None  # what else there is to say, passed or not

    @property
    def symbol(self) -> str | None:
        """The symbol of `lesson.toml` to begin with, where the check knows it."""
        return self.slips[0].symbol if self.slips else None

    @property
    def misconceptions(self) -> list[str]:
        """All that it shows, each once."""
        named = [slip.misconception for slip in self.slips] or [str(self.misconception)]
        return list(dict.fromkeys(named))


@dataclass
class Report:
    """All verdicts on one submission."""

    lesson: int
    submission: str
    verdicts: list[Verdict] = field(default_factory=list)
    seed: int = 0

    @property
    def passed(self) -> bool:
        """True where every core check passed, or could say nothing about this work."""
        return bool(self.verdicts) and all(
            verdict.outcome in ("passed", "not judged")
            for verdict in self.verdicts
            if verdict.info.core
        )

    @property
    def failures(self) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if verdict.outcome == "failed"]


_TRACEBACK = re.compile(
    r"^(?:ERROR:)? *Traceback \(most recent call last\):\n"
    r"((?:[ |+].*\n|\n)*)"  # frames
    r"([A-Za-z_][\w.]*(?::.*)?)",  # the exception
    re.MULTILINE,
)
_ANSWERED = re.compile(r"(chatkit\.store\.)?NotFoundError\b")
_FRAME = re.compile(r'^  File "(app/[^"]+)", line \d+.*\n(?:    .*\n)*', re.MULTILINE)


_IN_OTHER_WORDS = {
    "has no attribute 'model_dump_json'": "`respond()` yielded something that is no event.",
    "'async for' requires an object with __aiter__": "`respond()` is no async generator: it must "
    "be `async def`, and `yield` its events.",
}


def in_other_words(traceback: str) -> str | None:
    """What an exception of the SDK means for who wrote the lesson, where that is not plain."""
    return next((said for sign, said in _IN_OTHER_WORDS.items() if sign in traceback), None)


def student_traceback(log: str) -> str | None:
    """The student's own frames of the last traceback in a log, and the error; None without one."""
    # NotFoundError is an answer, 404: the checks ask for what is not there, and somebody looks.
    found = [one for one in _TRACEBACK.finditer(log) if not _ANSWERED.match(one[2])]
    if not found:
        return None
    # An error wrapped into others is told by the one that touched the student's code.
    chosen = next((one for one in reversed(found) if _FRAME.search(one[1])), found[-1])
    frames = "".join(match[0] for match in _FRAME.finditer(chosen[1]))
    return dedent(frames) + chosen[2]
