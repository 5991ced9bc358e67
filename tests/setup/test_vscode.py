"""What VS Code is told about the workbook is so: its tasks are targets, its paths are there."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from checkpoints import bootstrap
from tests.setup.skeleton import ROOT
from tests.setup.test_makefile import make, targets

pytestmark = pytest.mark.slow


def read(name: str) -> Any:
    return json.loads((ROOT / ".vscode" / name).read_text(encoding="utf-8"))


def test_every_task_is_a_target_for_every_lesson_that_can_be_chosen() -> None:
    tasks = read("tasks.json")
    [choice] = tasks["inputs"]
    lessons = {target[-2:] for target in targets() if target.startswith("lesson-")}
    assert set(choice["options"]) == lessons
    assert choice["default"] in lessons
    listed = re.findall(r"^  make (\S+)", make("help"), flags=re.MULTILINE)
    for task in tasks["tasks"]:
        command, _, target = task["command"].partition(" ")
        assert command == "make", task["label"]
        assert target.replace("${input:lesson}", "NN") in listed, task["label"]


def test_every_path_in_the_settings_is_there() -> None:
    settings = read("settings.json")
    python = settings["python.defaultInterpreterPath"]
    assert python.replace("${workspaceFolder}", str(ROOT)) == bootstrap.VENV_PYTHON
    for name in settings["python.testing.pytestArgs"] + settings["python.analysis.extraPaths"]:
        assert (ROOT / name).is_dir(), name
