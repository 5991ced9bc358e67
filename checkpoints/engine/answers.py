"""What the checks of a lesson with questions share: reading the answers, counting, explaining."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from checkpoints.engine import paper, quiz
from checkpoints.engine.quiz import Mark, Question
from checkpoints.engine.verdict import Failed, Slip
from checkpoints.lesson import ANSWERS, Lesson

Tries = dict[str, list[str]]
_TRIES = 2  # different wrong answers, after which the right one is told


@dataclass(frozen=True)
class Score:
    """Points out of all that there are."""

    points: int
    of: int

    def __str__(self) -> str:
        return f"{self.points} of {self.of} points ({self.points * 100 // self.of} %)"

    def reaches(self, percent: int) -> bool:
        return self.points * 100 >= percent * self.of


def read_answers(lesson: Lesson, work: Path, texts: Sequence[str] = ()) -> dict[str, Any]:
    """Return the answers, name → what is written there (`quiz.q1` → `"b"`). Raises Failed.

    `texts`: the names of what is answered with a text, besides the questions.
    """
    try:
        found = paper.read(work / Path(ANSWERS).name)
    except paper.PaperError as error:
        raise Failed(
            tried=f"Read `{ANSWERS}`.",
            observed=error.problem,
            expected=error.remedy,
            misconception="answers-missing" if error.line is None else "answers-unreadable",
        ) from None
    known = {one.name for one in quiz.load(lesson.checkpoint)} | set(texts)
    answers = dict(_named(found, known))
    _refuse_unknown(lesson, answers, texts)
    return answers


def _named(
    found: Mapping[str, Any], known: set[str], before: str = ""
) -> Iterator[tuple[str, Any]]:
    """Each answer with its whole name: `[quiz]` and `q1 = …` make `quiz.q1`."""
    for key, value in found.items():
        name = f"{before}{key}"
        inside = any(one.startswith(f"{name}.") for one in known)
        if isinstance(value, dict) and inside:
            yield from _named(value, known, f"{name}.")
        else:
            yield name, value


def _refuse_unknown(lesson: Lesson, answers: Mapping[str, Any], texts: Sequence[str]) -> None:
    """Raise Failed for an answer to no question: most likely it was meant for another one."""
    questions = quiz.load(lesson.checkpoint)
    keys = {one.name: set(one.answer) for one in questions if isinstance(one.answer, dict)}
    known = [*(one.name for one in questions), *texts]
    unknown = [name for name in answers if name not in known]
    for name, inner in keys.items():
        given = answers.get(name)
        if isinstance(given, dict):
            unknown += [f"{name}.{key}" for key in given if key not in inner]
    if not unknown:
        return
    name = unknown[0]
    every = [*known, *(f"{one}.{key}" for one, inner in keys.items() for key in inner)]
    part, _, key = name.rpartition(".")
    if elsewhere := [one for one in known if one.endswith(f".{key}")]:
        hint = f"It belongs below [{elsewhere[0].partition('.')[0]}]; is that line still there?"
    elif meant := get_close_matches(name, every, 1):
        hint = f"Did you mean `{meant[0]}`?"
    else:
        hint = "Compare with the file as it was at the start."
    place = f"below [{part}]" if part else "above the first part"
    raise Failed(
        tried=f"Read `{ANSWERS}`.",
        observed=f"There is no question `{key}` {place}. {hint}",
        expected="Each answer stands below the name of its part, under the key that was there. "
        f"`make reset-{lesson.number:02d}` brings the file back as it was, and keeps yours.",
        misconception="answers-unknown",
    )


def mark_all(lesson: Lesson, answers: Mapping[str, Any], part: str | None = None) -> list[Mark]:
    """Grade the answers to all questions, or to those of one part."""
    return [
        quiz.mark(question, answers.get(question.name))
        for question in quiz.load(lesson.checkpoint)
        if part in (None, question.part)
    ]


def score(marks: Sequence[Mark]) -> Score:
    return Score(sum(one.points for one in marks), sum(one.question.points for one in marks))


def fail(lesson: Lesson, marks: Sequence[Mark], tries: Tries | None, said: str) -> Failed:
    """What to raise for answers that are wrong or missing: each explained, with where to read."""
    wrong = [one for one in marks if not one.full]
    slips = [
        Slip(mistake.misconception, f"{ANSWERS}::{one.question.name}")
        for one in wrong
        for mistake in one.mistakes
    ]
    missing = [one.question for one in wrong if one.given is None]
    if missing:
        slips.append(Slip("not-answered", f"{ANSWERS}::{missing[0].name}"))
    labels: dict[str, list[str]] = {}  # the same mistake, made several times, is explained once
    for one in wrong:
        if one.given is not None:
            labels.setdefault(_explained(lesson, one, tries), []).append(_label(one.question))
    lines = [said, *(f"{', '.join(names)}: {why}" for why, names in labels.items())]
    if missing:
        lines.append(f"No answer yet: {', '.join(_label(question) for question in missing)}.")
    commonest = Counter(slip.misconception for slip in slips).most_common(1)[0][0]
    return Failed(
        tried=f"Read your answers in `{ANSWERS}`.",
        observed="\n".join(lines),
        expected="Answers that agree with what the server in the recording does.",
        misconception=commonest,
        slips=slips,
    )


def _label(question: Question) -> str:
    """The question as one finds it in the file."""
    key = question.name.partition(".")[2]
    return f"{question.part} {key}" if key.isdigit() else key


def _explained(lesson: Lesson, one: Mark, tries: Tries | None) -> str:
    question, given = one.question, one.given or ""
    why = dict.fromkeys(mistake.says for mistake in one.mistakes)
    said = f"“{given}”. {' '.join(why)}"
    if one.points:
        said += f" ({one.points} of {question.points} points)"
    if tries is not None:
        tried = tries.setdefault(question.name, [])
        if given not in tried:
            tried.append(given)
        if len(tried) >= _TRIES:
            said += f" The answer is “{quiz.shown(question.answer)}”. {question.because}"
    return f"{said}\n  Read: {lesson.link(question.section)}"
