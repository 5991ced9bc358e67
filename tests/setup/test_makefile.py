"""The Makefile is the whole interface: it lists what it has, and corrects what it has not."""

from __future__ import annotations

import re
import subprocess

import pytest

from checkpoints.cli import app
from tests.setup.skeleton import ROOT, Clone

pytestmark = pytest.mark.slow

FOLDERS = {"lessons", "checkpoints", "shared", "tests"}  # no targets: they only correct a name


def make(*arguments: str) -> str:
    return subprocess.check_output(["make", *arguments], cwd=ROOT, text=True)


def targets() -> set[str]:
    [phony] = re.findall(r"^\.PHONY: (.*)", make("-np", "help"), flags=re.MULTILINE)
    return set(phony.split()) - FOLDERS


def test_make_alone_lists_every_target() -> None:
    listed = set(re.findall(r"^  make (\S+)", make(), flags=re.MULTILINE))
    assert listed == {re.sub(r"-\d\d$", "-NN", target) for target in targets()}
    assert make() == make("help")


def test_every_lesson_has_its_targets() -> None:
    for number in range(1, 9):
        for verb in ("lesson", "check", "hint", "diff", "mine", "reset", "rows", "grade"):
            assert f"{verb}-{number:02d}" in targets()


def test_every_target_calls_a_command_that_there_is() -> None:
    commands = {
        command.name or getattr(command.callback, "__name__", "")
        for command in app.registered_commands
    }
    for target in targets() - {"help", "lock"}:
        called = re.search(r"bootstrap\.py (run|author|test) -- (\S+)", make("-n", target))
        assert called, f"make {target} does not go through bootstrap.py"
        assert called[2] in commands, f"make {target}"


def test_variables_reach_the_command(clone: Clone) -> None:
    result = clone.make("check-02", "FORCE=1", "SUBMISSION=a folder")
    assert result.out == "cli check 02 FORCE=1 SUBMISSION=a folder\n"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("check-2", "make check-02"),
        ("lesson-9", "make lesson-02"),
        ("lesson", "make lesson-02"),
        ("lessons", "make lesson-02"),
        ("hint_3", "make hint-03"),
        ("grade07", "make grade-07"),
        ("shared", "Type make alone"),
        ("tests", "Type make alone"),
        ("it's", "Type make alone"),
    ],
)
def test_a_wrong_name_gets_the_right_one(fresh: Clone, wrong: str, right: str) -> None:
    result = fresh.make(wrong)
    assert result.status == 2
    assert f'There is no target "{wrong}"' in result.err
    assert right in result.err
    assert "No rule" not in result.err
    assert not fresh.venv.exists()


def test_a_machine_without_python_is_told_so(fresh: Clone) -> None:
    result = fresh.make("check-02", "PYTHON=python-of-nobody")
    assert result.status == 2
    assert "There is no python-of-nobody on this machine. Install Python 3.11" in result.err
