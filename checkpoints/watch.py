"""`make watch-NN`: judge the work again whenever a file of it is saved."""

from __future__ import annotations

import os
import platform
import time

from rich.console import Console

from checkpoints import report
from checkpoints.engine.judge import judge
from checkpoints.engine.plugin import Job
from checkpoints.engine.warm import Starter, make_starter
from checkpoints.lesson import Lesson
from checkpoints.progress import Progress
from checkpoints.saves import saves
from checkpoints.submission import Work, own_folders


def watch(lesson: Lesson, work: Work, name: str, console: Console, *, own: bool) -> None:
    """Judge now and after each save, until Ctrl-C. The SDKs are imported once, at the start."""
    polling = _must_poll()
    if polling:
        console.print(
            "This system does not report changes: the files are looked at 3 times a second."
        )
    starter = make_starter() if lesson.has_code else None
    try:
        saved = saves(*own_folders(lesson, work), polling=polling)
        _judge(lesson, work, name, starter, console, own=own)
        for again in saved:
            if again:
                console.print()
                _judge(lesson, work, name, starter, console, own=own)
    except KeyboardInterrupt:
        pass
    finally:
        if starter:
            starter.close()
    console.print("\nStopped.")


def _judge(
    lesson: Lesson, work: Work, name: str, starter: Starter | None, console: Console, *, own: bool
) -> None:
    """One round. Only what is red is shown at length: nothing is drawn over."""
    began = time.perf_counter()
    console.rule(f"Lesson {lesson.number:02d} · {time.strftime('%H:%M:%S')}")
    progress = Progress()
    job = Job(work.app, name, work.work, progress.tries(lesson) if own else None)
    [found] = judge(
        lesson,
        [job],
        starter=starter,
        on_verdict=lambda _, verdict: report.print_verdict(console, lesson, verdict),
    )
    if own:
        progress.note(lesson, found, work)
    report.print_summary(console, lesson, found)
    console.print(
        f"Judged in {time.perf_counter() - began:.1f} s. Save a file to repeat; Ctrl-C ends."
    )


def _must_poll() -> bool:
    """WSL says nothing about files on Windows' own disks; some network disks neither."""
    asked = os.environ.get("WATCHFILES_FORCE_POLLING", "")
    if asked:
        return asked.lower() not in ("0", "false", "no")
    return "microsoft" in platform.uname().release.lower()
