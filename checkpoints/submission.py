"""Finding the work that is meant: one's own, somebody's clone, the reference, a mistake to look at."""

from __future__ import annotations

import os
import shutil
from fnmatch import fnmatch
from pathlib import Path

from checkpoints.lesson import ROOT, STATE, SUBMISSIONS, Lesson

_LEFT_OUT = (
    "__pycache__", "*.pyc", ".*_cache", ".git", ".venv", "venv", "node_modules", "*.db", "*.db-*",
)  # fmt: skip


class SubmissionError(Exception):
    """There is no such work. The text says what was looked for, and where."""


def find_app(lesson: Lesson, *, submission: str | None = None, from_: str | None = None) -> Path:
    """Return the folder `app` of the work that is meant. Raises SubmissionError.

    `submission`: a clone of the workbook, a lesson's folder, or a folder `app` itself.
    `from_`: `checkpoint`, `mistake:NAME`, or `mine` (the default).
    """
    if submission:
        return _in_folder(lesson, Path(os.path.expanduser(submission)))
    match (from_ or "mine").partition(":"):
        case ("mine", "", ""):
            return _in_folder(lesson, ROOT)
        case ("checkpoint", "", ""):
            return lesson.checkpoint / "app"
        case ("mistake", ":", name):
            return build_example(lesson, "wrong", name)
    raise SubmissionError(f"FROM={from_} is not known. It can be mine, checkpoint or mistake:NAME.")


def _in_folder(lesson: Lesson, folder: Path) -> Path:
    if not folder.is_dir():
        raise SubmissionError(f"{folder} is not a folder.")
    for app in (
        folder / "lessons" / lesson.name / "app",
        folder / lesson.name / "app",
        folder / "app",
    ):
        if app.is_dir():
            return app.resolve()
    if (folder / "main.py").is_file():
        return folder.resolve()
    where = "this clone" if folder == ROOT else str(folder)
    raise SubmissionError(
        f"No work for lesson {lesson.number:02d} in {where}: there is no lessons/{lesson.name}/app, "
        + (
            f"app or main.py. `make reset-{lesson.number:02d}` brings the starter back."
            if folder == ROOT
            else "app or main.py."
        )
    )


def lesson_folder(lesson: Lesson, submission: str | None = None) -> Path:
    """Return the folder that holds, or should hold, `app` and `work`. Raises SubmissionError."""
    if not submission:
        return lesson.folder
    folder = Path(os.path.expanduser(submission)).resolve()
    if not folder.is_dir():
        raise SubmissionError(f"{folder} is not a folder.")
    if (folder / "lessons").is_dir():
        return folder / "lessons" / lesson.name
    if (folder / lesson.name).is_dir():
        return folder / lesson.name
    return folder.parent if (folder / "main.py").is_file() else folder


def work_files(app: Path) -> list[Path]:
    """The files that are the work, sorted, without what tools leave behind.

    A link to a file counts as that file. Links to folders are left out: they may lead in a circle.
    """
    found = []
    for folder, folders, names in os.walk(app):
        folders[:] = [name for name in folders if not _is_left_out(name)]
        files = (Path(folder, name) for name in names if not _is_left_out(name))
        found += [file for file in files if file.is_file()]  # no pipes, no links to nowhere
    return sorted(found)


def _is_left_out(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in _LEFT_OUT)


def examples(lesson: Lesson, kind: str) -> list[str]:
    """The names of the wrong or right works of a lesson."""
    folder = SUBMISSIONS / lesson.name / kind
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir())


def build_example(lesson: Lesson, kind: str, name: str) -> Path:
    """Lay a wrong or right work over the checkpoint and return its `app`.

    An example holds only the files that differ from the checkpoint.
    """
    overlay = SUBMISSIONS / lesson.name / kind / name / "app"
    if not overlay.is_dir():
        known = ", ".join(examples(lesson, kind))
        raise SubmissionError(
            f"There is no {kind} work “{name}” for this lesson. There is: {known}."
        )
    app = STATE / "examples" / lesson.name / kind / name / "app"
    shutil.rmtree(app, ignore_errors=True)
    shutil.copytree(lesson.checkpoint / "app", app, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(overlay, app, dirs_exist_ok=True)
    return app
