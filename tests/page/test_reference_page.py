"""The reference page of lesson 7, in the small: its functions and hooks, tested with vitest."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from checkpoints.engine.warm import scrubbed_environment
from checkpoints.lesson import CHECKPOINTS
from checkpoints.setup import node

pytestmark = pytest.mark.slow

TESTS = CHECKPOINTS / "L07" / "page_tests"
PAGE = CHECKPOINTS / "L07" / "app" / "page"
SECONDS = 120


def test_vitest_passes(tmp_path: Path) -> None:
    place = node.packages(TESTS)
    found = node.find()
    assert found
    (tmp_path / "node_modules").symlink_to(place / "node_modules")
    shutil.copytree(PAGE, tmp_path / "app" / "page", ignore=shutil.ignore_patterns("dist"))
    tests = shutil.copytree(TESTS, tmp_path / "page_tests")
    vitest = place / "node_modules" / "vitest" / "vitest.mjs"
    done = subprocess.run(
        [found.node, str(vitest), "run", "--reporter=verbose"],
        cwd=tests,
        env={**scrubbed_environment(), "NO_COLOR": "1", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout  # and there were some
