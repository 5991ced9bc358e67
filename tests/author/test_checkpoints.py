"""Reference, starter and `lesson.toml` agree with each other."""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
from pathlib import Path
from textwrap import dedent

import pytest

from checkpoints import lesson as lessons
from checkpoints import starter
from checkpoints.lesson import CHECKPOINTS, ROOT, folder_name

from .conftest import grade
from .plan import CRITERIA, OBJECTIVES
from .test_submissions import checks_of

LESSONS = lessons.numbers()
WITH_CODE = [number for number in LESSONS if lessons.load(number).has_code]
MOST_LINES = 175
"""Of code, in one lesson: what somebody can read and write in half an hour, with a text beside it."""


def code_of(number: int) -> dict[str, str]:
    """The Python files of a checkpoint: path below the lesson's folder → text."""
    folder = CHECKPOINTS / folder_name(number)
    return {
        str(file.relative_to(folder)): file.read_text(encoding="utf-8")
        for file in (folder / "app").rglob("*.py")
    }


def symbols_of(number: int) -> dict[str, str]:
    return {
        f"{file}::{name}": source
        for file, text in code_of(number).items()
        if text
        for name, source in starter.symbols(text).items()
    }


@pytest.mark.parametrize("number", WITH_CODE)
def test_the_list_names_exactly_what_the_lesson_changes(number: int) -> None:
    lesson = lessons.load(number)
    before, after = symbols_of(number - 1), symbols_of(number)
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    code = [touch for touch in lesson.touches if touch.file.startswith("app/")]
    listed = {touch.symbol for touch in code if touch.file.endswith(".py")}
    assert changed == listed | set(lesson.removes)
    assert set(lesson.removes) == set(before) - set(after)


@pytest.mark.parametrize("number", LESSONS)
def test_a_lesson_adds_no_more_than_can_be_read(number: int) -> None:
    given = {touch.symbol for touch in lessons.load(number).touches if touch.given}
    before, after = symbols_of(number - 1), symbols_of(number)
    new = {name: source for name, source in after.items() if name not in given}
    added = sum(lines_of_code(source, before.get(name, "")) for name, source in new.items())
    assert added <= MOST_LINES


def lines_of_code(source: str, before: str) -> int:
    """The lines that were not there before, and are neither blank, nor comment, nor docstring."""
    old = {line.strip() for line in before.splitlines()}
    source = dedent(source)
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except SyntaxError:  # what is left of a module without its methods: imports and class headers
        nodes = []
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        number
        for node in nodes
        if isinstance(node, documented) and ast.get_docstring(node) is not None
        for number in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }
    return sum(
        line.strip() not in {"", *old}
        and not line.lstrip().startswith("#")
        and number not in docstrings
        for number, line in enumerate(source.splitlines(), start=1)
    )


@pytest.mark.parametrize("number", LESSONS)
def test_the_recorded_starter_is_what_the_generator_makes(number: int) -> None:
    lesson = lessons.load(number)
    recorded = (lesson.checkpoint / "starter.sha256").read_text(encoding="utf-8")
    assert recorded == starter.manifest(starter.build(lesson)), "type: make generate"


@pytest.mark.parametrize("number", LESSONS)
def test_lessons_hold_the_starter(number: int) -> None:
    """A student's changes are theirs, and counted; in CI there are none."""
    lesson = lessons.load(number)
    recorded = (lesson.checkpoint / "starter.sha256").read_text(encoding="utf-8")
    wanted = {line[66:]: line[:64] for line in recorded.splitlines()}
    found = {
        str(file.relative_to(lesson.folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for part in starter.parts(dict.fromkeys(wanted, b""))
        for file in (lesson.folder / part).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    theirs = sorted(name for name in wanted | found if wanted.get(name) != found.get(name))
    if os.environ.get("CI") == "true":
        assert theirs == []
    else:
        print(f"{lesson.name}: {len(theirs)} files changed by the student")


@pytest.fixture(scope="module")
def starters_and_checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for `make grade`: `starter` and the checkpoints of this lesson and the later ones.

    The code of a later lesson comes with what this one asks to be written: it is asked for once.
    """
    folder = tmp_path_factory.mktemp("class")
    for number in LESSONS:
        lesson = lessons.load(number)
        starter.write(starter.build(lesson), folder / f"{number}" / "starter")
        for later in (other for other in LESSONS if other >= number):
            place = folder / f"{number}" / f"checkpoint-{later}"
            if lesson.has_code:
                shutil.copytree(CHECKPOINTS / folder_name(later) / "app", place / "app")
            if lesson.template.is_dir() and (lesson.has_code or later == number):
                shutil.copytree(lesson.checkpoint / "work", place / "work")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("number", LESSONS)
def test_starters_fail_and_checkpoints_pass(number: int, starters_and_checkpoints: Path) -> None:
    results = grade(lessons.load(number), starters_and_checkpoints / f"{number}")
    for name, report in results.items():
        passed = {one["name"] for one in report["results"] if one["passed"] is True}
        if name == "starter":
            assert passed <= keeping(number), "a starter passes what the lesson asks for"
            assert not report["passed"]
        else:
            assert passed == checks_of(number), f"{name} does not pass lesson {number}"


def keeping(number: int) -> set[str]:
    """The checks that a starter may pass already."""
    import ast

    source = (lessons.load(number).checkpoint / "checks.py").read_text(encoding="utf-8")
    return {
        node.name
        for node in ast.parse(source).body
        if isinstance(node, ast.AsyncFunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call)
        and any(keyword.arg == "keeps" for keyword in decorator.keywords)
    }


@pytest.mark.parametrize("number", LESSONS)
def test_every_check_belongs_to_a_symbol_with_three_hints(number: int) -> None:
    lesson = lessons.load(number)
    assert {name for touch in lesson.touches for name in touch.checks} == checks_of(number)
    assert {len(touch.hints) for touch in lesson.touches} == {3}


@pytest.mark.parametrize("number", LESSONS)
def test_the_plan_is_covered(number: int) -> None:
    """Each objective and criterion is owned by a lesson and tried by one of its checks."""
    lesson = lessons.load(number)
    assert (lesson.objectives, lesson.criteria) == (OBJECTIVES[number], CRITERIA[number])
    source = "".join(file.read_text("utf-8") for file in lesson.checkpoint.glob("*.py"))
    for promise in (*lesson.objectives, *lesson.criteria):
        assert f'"{promise}"' in source, f"no check covers {promise}"


def test_nothing_in_shared_or_in_a_checkpoint_looks_the_wrong_way() -> None:
    """`shared` knows neither lessons nor checks; a lesson knows `shared` and itself."""
    for file in (ROOT / "shared").rglob("*.py"):
        assert not {"checkpoints", "lessons", "app"} & imported(file), file
    for number in LESSONS:
        for file in (CHECKPOINTS / folder_name(number) / "app").rglob("*.py"):
            assert not {"checkpoints", "lessons"} & imported(file), file


def imported(file: Path) -> set[str]:
    """The top-level packages that a file imports."""
    tree = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    names = set()
    for node in tree:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names
