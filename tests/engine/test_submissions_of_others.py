"""SUBMISSION= means somebody else's folder in every command, and one's own work is left alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.engine.clone import Clone

pytestmark = pytest.mark.slow


@pytest.fixture
def ana(clone: Clone, tmp_path: Path) -> Path:
    """Another student's clone. She has written something; the one who grades has too."""
    folder = tmp_path / "ana's clone"
    shutil.copytree(clone.root / "lessons", folder / "lessons")
    (folder / "lessons/L02/app/main.py").write_text("print('hers')\n")
    (clone.app / "main.py").write_text("print('mine')\n")
    return folder


def test_reset_restores_theirs_and_keeps_a_copy(clone: Clone, ana: Path) -> None:
    done = clone.run("reset", "02", SUBMISSION=str(ana))
    assert done.status == 0, done.err
    assert "hers" not in (ana / "lessons/L02/app/main.py").read_text()
    assert "mine" in (clone.app / "main.py").read_text()
    [kept] = (clone.root / ".workbook/kept").glob("*/app/main.py")
    assert "hers" in kept.read_text()


def test_check_hint_and_progress_know_whose_work_it_is(clone: Clone, ana: Path) -> None:
    assert clone.run("check", "02", SUBMISSION=str(ana)).status == 1
    assert not clone.progress.exists()
    first = clone.run("hint", "02", SUBMISSION=str(ana))
    second = clone.run("hint", "02", SUBMISSION=str(ana))
    assert "hint 1 of 3" in first.out
    assert "hint 2 of 3" in second.out
    assert "of 12 checks" in clone.run("progress", SUBMISSION=str(ana)).out
    assert "not passed yet" in clone.run("progress").out


def test_a_folder_that_is_not_there_is_a_sentence(clone: Clone) -> None:
    for command in (("reset", "02"), ("hint", "02"), ("start", "02")):
        done = clone.run(*command, SUBMISSION="/nowhere")
        assert "Traceback" not in done.err
    assert clone.run("reset", "02", SUBMISSION="/nowhere").status == 2
