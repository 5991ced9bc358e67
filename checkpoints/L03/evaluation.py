"""Lesson 3's written work: figures that were measured, and what they are worth to whom.

A rule can say that the figures are those of the measurement, that a choice fits its situation, and
that a reason is there. Whether the reason is a good one, a person judges.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from checkpoints import lesson as lessons
from checkpoints.engine import paper, prose
from checkpoints.measure import FILE as MEASURED

LESSON = lessons.load(3)
FILE = "evaluation.toml"
CHOICES = ("streamed", "buffered", "progress")
WORDS = 10  # of a reason
_ROUNDED = 0.03  # so far may a figure be from the measured one: 3.8 s may be 3,835 ms
_ALIKE = 0.25  # so far may the two whole answers be apart: the model takes equally long

# What a reason can be about. Beginnings of words.
_ABOUT = {
    "who waits or reads, or what can be done with a part of the answer": (
        "wait", "read", "first", "early", "earl", "soon", "begin", "start", "nobody", "person",
        "people", "user", "whole", "complet", "full", "entire", "end", "part", "half", "pars",
        "json", "progress", "watch", "see", "sleep", "later", "until",
    )
}  # fmt: skip


@dataclass(frozen=True)
class Situation:
    """A case to choose for. `unless`: beginnings of words in a reason that carries another choice."""

    name: str
    fits: tuple[str, ...]
    ask: str  # what to ask somebody whose choice does not fit
    unless: tuple[str, ...] = ()


SITUATIONS = (
    Situation("chat", ("streamed",), "What does this person look at for all that time?"),
    Situation("report", ("buffered", "progress"), "Who reads the first words of it at night?"),
    Situation(
        "program",
        ("buffered", "progress"),
        "What can the program do with the first half of the JSON?",
        unless=("line", "increment", "ndjson", "jsonl", "partial", "element", "object"),
    ),
)


_fail = partial(paper.failed, FILE)


def require_evaluation(work: Path, remark: Callable[[str], None]) -> None:
    """Raise Failed unless the figures are the measured ones and each choice fits its situation."""
    found = paper.read_or_fail(work / FILE, "evaluation")
    _compare_figures(paper.part(found, "figures"), _measured(work))
    known = {
        "the file as it was": paper.text(LESSON.template / FILE),
        "the lesson": paper.text(LESSON.text),
    }
    for situation in SITUATIONS:
        _judge(situation, paper.part(found, situation.name), known)
    remark("Figures, choices and reasons are there; whether the reasons are good, a person judges.")


def _measured(work: Path) -> dict[str, float]:
    """The four figures of the last measurement: `streamed_first_word` → milliseconds."""
    try:
        measured = json.loads(paper.text(work / Path(MEASURED).name))
        return {
            f"{side}_{what}": float(measured[side][what])
            for side in ("streamed", "buffered")
            for what in ("first_word", "whole_answer")
        }
    except (ValueError, KeyError, TypeError):
        raise _fail(
            f"`{MEASURED}` is not there, or is not what the command wrote.",
            "Figures from your own server: make measure-03 writes them.",
            "not-measured",
        ) from None


def _compare_figures(given: Mapping[str, Any], measured: Mapping[str, float]) -> None:
    """Raise Failed unless what was copied is what was measured, and can be true."""
    for name, value in measured.items():
        figure = given.get(name)
        if isinstance(figure, bool) or not isinstance(figure, int | float) or figure <= 0:
            raise _fail(
                f"Below [figures], `{name}` is " + ("0." if figure == 0 else "no number yet."),
                f"The milliseconds that make measure-03 printed, as a number: {name} = 1234",
                "figures-missing",
            )
        if abs(figure - value) > max(10.0, _ROUNDED * value):
            seconds = abs(figure * 1000 - value) <= max(50.0, _ROUNDED * value)
            raise _fail(
                f"Below [figures], `{name}` is {figure:g}; measured were {value:,.0f}.",
                "The figures stand in milliseconds."
                if seconds
                else "The figures of your last make measure-03. A new run writes new ones.",
                "figures-in-seconds" if seconds else "figures-differ",
            )
    early, late = measured["streamed_first_word"], measured["buffered_first_word"]
    if early > late / 2:
        raise _fail(
            f"Streamed, the first word came after {early:,.0f} ms; buffered, after {late:,.0f} ms. "
            "That is nearly the same: your server holds its words back.",
            "Streamed, the first word is there long before the last. Mend that first, then measure "
            "again.",
            "streams-late",
        )
    whole = measured["streamed_whole_answer"], measured["buffered_whole_answer"]
    if max(whole) > (1 + _ALIKE) * min(whole):
        raise _fail(
            f"The whole answer took {whole[0]:,.0f} ms streamed and {whole[1]:,.0f} ms buffered.",
            "The model takes equally long both ways. If the machine was busy, measure again.",
            "wholes-differ",
        )


def _judge(situation: Situation, given: Mapping[str, Any], known: Mapping[str, str]) -> None:
    """Raise Failed unless the choice fits, and its reason is there."""
    name = situation.name
    choice = str(given.get("choice", "")).strip().lower()
    if choice not in CHOICES:
        said = f"is “{choice}”" if choice else "is not made yet"
        raise _fail(
            f"The choice below [{name}] {said}.",
            f"One of these words: {', '.join(CHOICES)}.",
            "no-choice",
        )
    reason = given.get("reason")
    problem = prose.look_at(reason, at_least=WORDS, touching=_ABOUT, known=known)
    if problem:
        raise _fail(
            f"The reason below [{name}]: {problem.observed}",
            f"{problem.expected} Whether it is right, a person judges.",
            problem.misconception,
        )
    carried = any(word.startswith(situation.unless) for word in str(reason).lower().split())
    if choice not in situation.fits and not (situation.unless and carried):
        raise _fail(
            f"Below [{name}] you chose “{choice}”. {situation.ask}",
            "A choice that helps somebody, with a reason that says whom.",
            f"choice-{name}",
        )
