"""Runs a lesson's checks for the CLI: pytest inside, reports outside."""

from __future__ import annotations

import contextlib
import io
import os
import random
from collections.abc import Callable, Sequence

import pytest

from checkpoints.engine.plugin import Handover, Job, Session
from checkpoints.engine.verdict import Report, Verdict
from checkpoints.engine.warm import JudgeError, Starter, StarterError
from checkpoints.lesson import ROOT, Lesson
from checkpoints.page import has_page
from checkpoints.setup import browser


def judge(
    lesson: Lesson,
    jobs: Sequence[Job],
    *,
    seed: int | None = None,
    starter: Starter | None = None,
    on_verdict: Callable[[Report, Verdict], None] = lambda report, verdict: None,
) -> list[Report]:
    """Judge each job by all of the lesson's checks. Raises JudgeError, StarterError, SetupError."""
    if has_page(lesson.checkpoint / "app"):
        browser.get()
    seed = random.randrange(10**6) if seed is None else seed
    session = Session(list(jobs), seed, {}, starter, on_verdict=on_verdict)
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        os.environ.pop(name, None)  # they are meant for somebody's own tests
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        code = pytest.main(
            [
                str(lesson.checkpoint / "checks.py"),
                f"--rootdir={ROOT}",
                f"--config-file={ROOT / 'pyproject.toml'}",
                "-pno:terminal",
                "-pno:cacheprovider",
                "-pno:unraisableexception",  # a torn connection is no fault of the checks
            ],
            plugins=[Handover(session)],
        )
    if isinstance(session.broken, JudgeError | StarterError | KeyboardInterrupt | SystemExit):
        raise session.broken
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) or not session.reports:
        raise JudgeError(said.getvalue().strip())
    return [session.reports[job.name] for job in jobs]
