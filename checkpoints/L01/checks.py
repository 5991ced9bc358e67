"""What lesson 1 asks for: answers, counted by rule as far as a rule can tell.

Nothing is started here. The questions and what to say about each stand in `questions.toml`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from checkpoints import lesson as lessons
from checkpoints.engine.answers import Tries, fail, mark_all, read_answers, score
from checkpoints.engine.prose import look_at
from checkpoints.engine.verdict import Failed, check
from checkpoints.lesson import ANSWERS

LESSON = lessons.load(1)
COMPARISON = "comparison.text"
WORDS = 50
PERCENT = 80
TOPICS = {
    "events or streaming": ("event", "stream", "yield", "delta", "piece"),
    "who is speaking": ("context", "user", "person", "people", "identit", "speak", "header"),
    "what is kept": ("stor", "keep", "kept", "persist", "sav", "remember", "forget", "stateless"),
    "the route": ("route", "handler", "request", "response", "http", "endpoint"),
}

Remark = Callable[[str], None]


@check(why="Only answers that are there, and that can be read, are counted.")
async def check_readable(work: Path) -> None:
    """Your answers can be read."""
    answers = read_answers(LESSON, work, [COMPARISON])
    if not any(mark.given is not None for mark in mark_all(LESSON, answers)):
        raise Failed(
            tried=f"Read `{ANSWERS}`.",
            observed="No question has an answer yet.",
            expected="Answers between the quotes, as many as you are sure of.",
            misconception="not-answered",
        )


@check(
    needs=(check_readable,),
    why="The lessons to come are written in these words. Whoever mixes them up looks for mistakes in "
    "the wrong place.",
    covers=("LO-001", "LO-002", "LO-003", "SC-001"),
)
async def check_points(work: Path, tries: Tries | None, remark: Remark) -> None:
    """At least 80 % of your answers are right."""
    marks = mark_all(LESSON, read_answers(LESSON, work, [COMPARISON]))
    total = score(marks)
    remark(f"{total}; {PERCENT} % passes.")
    if not total.reaches(PERCENT):
        raise fail(LESSON, marks, tries, f"{total}; {PERCENT} % passes.")


async def _all_right(part: str, work: Path, tries: Tries | None, remark: Remark) -> None:
    marks = mark_all(LESSON, read_answers(LESSON, work, [COMPARISON]), part)
    remark(f"{score(marks)}.")
    if not all(mark.full for mark in marks):
        raise fail(LESSON, marks, tries, f"{score(marks)}.")


@check(
    needs=(check_points,),
    why="Each wrong answer is one thing that will not work as you expect.",
    core=False,
    covers=("LO-001", "LO-003"),
)
async def check_quiz(work: Path, tries: Tries | None, remark: Remark) -> None:
    """Every answer of the quiz is right."""
    await _all_right("quiz", work, tries, remark)


@check(
    needs=(check_points,),
    why="A conversation that you can trace is one that you can mend.",
    core=False,
    covers=("LO-002", "SC-001"),
)
async def check_trace(work: Path, tries: Tries | None, remark: Remark) -> None:
    """The recording is traced without a mistake."""
    await _all_right("trace", work, tries, remark)


@check(
    needs=(check_points,),
    why="The life of an item is the plan of every respond() that you will write.",
    core=False,
    covers=("LO-002",),
)
async def check_lifecycle(work: Path, tries: Tries | None, remark: Remark) -> None:
    """Every blank of the diagram is filled as it should be."""
    await _all_right("lifecycle", work, tries, remark)


@check(
    needs=(check_readable,),
    why="What you can say in your own words you have understood.",
    covers=("LO-001",),
)
async def check_comparison(work: Path, remark: Remark) -> None:
    """You have compared respond() with the handler of a route."""
    answers = read_answers(LESSON, work, [COMPARISON])
    sources = {"the question": LESSON.template / Path(ANSWERS).name, "the lesson": LESSON.text}
    problem = look_at(
        answers.get(COMPARISON),
        at_least=WORDS,
        touching=TOPICS,
        known={
            name: file.read_text(encoding="utf-8", errors="replace")
            for name, file in sources.items()
            if file.is_file()
        },
    )
    if problem:
        raise Failed(
            tried=f"Read `text` below [comparison] in `{ANSWERS}`.",
            observed=problem.observed,
            expected=f"{problem.expected} Whether it is right, a person judges.",
            misconception=problem.misconception,
        )
    remark("It is there; whether it is right, a person judges.")
