"""Wrong work is caught by the check that is meant to, with words that help; right work passes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from checkpoints import lesson as lessons
from checkpoints.submission import examples

from .conftest import Results, mistake

pytestmark = pytest.mark.slow

LESSONS = lessons.numbers()
WRONG = [(number, name) for number in LESSONS for name in examples(lessons.load(number), "wrong")]
RIGHT = [(number, name) for number in LESSONS for name in examples(lessons.load(number), "right")]


@pytest.mark.parametrize(("number", "name"), WRONG)
def test_wrong_work_is_caught(number: int, name: str, graded: Callable[[int], Results]) -> None:
    expected = mistake(number, name)
    results = graded(number)[f"wrong-{name}"]["results"]
    failed = [result for result in results if result["passed"] is False]
    assert failed, "every check passed"
    root = failed[0]
    said = f"{root['cause']['rationale']} {root['cause']['expected']} {root['log']}"
    said += f" {root['cause']['traceback']}"
    assert (root["name"], root["misconception"]) == (
        expected["check"],
        expected["misconception"],
    ), said
    for words in expected["says"]:
        assert words in said


@pytest.mark.parametrize(("number", "name"), RIGHT)
def test_right_work_is_accepted(number: int, name: str, graded: Callable[[int], Results]) -> None:
    report = graded(number)[f"right-{name}"]
    failed = {
        result["name"]: result["cause"] for result in report["results"] if result["passed"] is False
    }
    assert not failed
    assert report["passed"]


@pytest.mark.parametrize("number", LESSONS)
def test_each_check_catches_something(number: int) -> None:
    lesson = lessons.load(number)
    caught = {mistake(number, name)["check"] for name in examples(lesson, "wrong")}
    assert checks_of(number) <= caught


@pytest.mark.parametrize("number", LESSONS)
def test_there_is_enough_work_to_measure_with(number: int) -> None:
    lesson = lessons.load(number)
    assert len(examples(lesson, "wrong")) >= 8
    assert len(examples(lesson, "right")) >= 5


def checks_of(number: int) -> set[str]:
    """The names of a lesson's checks: `checks.py` has them, or imports them from beside it."""
    import ast

    return {
        node.name
        for file in lessons.load(number).checkpoint.glob("*.py")
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("check_")
    }
