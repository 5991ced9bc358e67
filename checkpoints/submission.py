"""Finding the work that is meant: one's own, somebody's clone, the reference, a mistake to look at."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from checkpoints.lesson import ANSWERS, ROOT, STATE, SUBMISSIONS, Lesson

_LEFT_OUT = (
    "__pycache__", "*.pyc", ".*_cache", ".git", ".venv", "venv", "node_modules", "dist", "*.db",
    "*.db-*",
)  # fmt: skip


class SubmissionError(Exception):
    """There is no such work. The text says what was looked for, and where."""


@dataclass(frozen=True)
class Work:
    """Somebody's work for a lesson: the code, in `app`, and what is written in words, in `work`.

    `work` may be missing. Where a lesson asks for no code, `app` is the checkpoint's.
    """

    app: Path
    work: Path


def find_work(lesson: Lesson, *, submission: str | None = None, from_: str | None = None) -> Work:
    """Return the work that is meant. Raises SubmissionError.

    `submission`: a clone of the workbook, a lesson's folder, or a folder `app` or `work` itself.
    `from_`: `checkpoint`, `mistake:NAME`, or `mine` (the default).
    """
    if submission:
        return _in_folder(lesson, Path(os.path.expanduser(submission)))
    match (from_ or "mine").partition(":"):
        case ("mine", "", ""):
            return _in_folder(lesson, ROOT)
        case ("checkpoint", "", ""):
            return Work(lesson.checkpoint / "app", lesson.checkpoint / "work")
        case ("mistake", ":", name):
            return build_example(lesson, "wrong", name)
    raise SubmissionError(f"FROM={from_} is not known. It can be mine, checkpoint or mistake:NAME.")


def find_app(lesson: Lesson, *, submission: str | None = None, from_: str | None = None) -> Path:
    """Return the folder `app` to run. Raises SubmissionError; a lesson without code always has one."""
    if not lesson.has_code:
        return lesson.checkpoint / "app"
    return find_work(lesson, submission=submission, from_=from_).app


def _in_folder(lesson: Lesson, folder: Path) -> Work:
    if not folder.is_dir():
        raise SubmissionError(f"{folder} is not a folder.")
    # What the lesson asks for, and the file that shows that a folder is it, whatever its name.
    part, sign = ("app", "main.py") if lesson.has_code else ("work", Path(ANSWERS).name)
    places = [
        folder / "lessons" / lesson.name / part,
        folder / lesson.name / part,
        folder / part,
    ]
    found = next((place for place in places if place.is_dir()), None)
    if found is None and (folder / sign).is_file():
        found = folder
    if found is None:
        raise SubmissionError(_nothing_there(lesson, folder, part, sign))
    found = found.resolve()
    if not lesson.has_code:
        return Work(lesson.checkpoint / "app", found)
    return Work(found, (found.parent if found.name == "app" else found) / "work")


def _nothing_there(lesson: Lesson, folder: Path, part: str, sign: str) -> str:
    where = "this clone" if folder == ROOT else str(folder)
    said = f"No work for lesson {lesson.number:02d} in {where}: there is no "
    said += f"lessons/{lesson.name}/{part}, {part} or {sign}."
    if folder == ROOT:
        said += f" `make reset-{lesson.number:02d}` brings the starter back."
    return said


def own_folders(lesson: Lesson, work: Work) -> list[Path]:
    """The folders that the student writes in, for this lesson, as far as they are there."""
    folders = [work.app] if lesson.has_code else []
    folders += [work.work] if lesson.template.is_dir() else []
    return [folder for folder in folders if folder.is_dir()]


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
    inside = any((folder / sign).is_file() for sign in ("main.py", Path(ANSWERS).name))
    return folder.parent if inside else folder


def work_files(folder: Path) -> list[Path]:
    """The files that are the work, sorted, without what tools leave behind.

    A link to a file counts as that file. Links to folders are left out: they may lead in a circle.
    """
    found = []
    for inner, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not _is_left_out(name)]
        files = (Path(inner, name) for name in names if not _is_left_out(name))
        found += [file for file in files if file.is_file()]  # no pipes, no links to nowhere
    return sorted(found)


def _is_left_out(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in _LEFT_OUT)


def examples(lesson: Lesson, kind: str) -> list[str]:
    """The names of the wrong or right works of a lesson."""
    folder = SUBMISSIONS / lesson.name / kind
    return sorted(entry.name for entry in folder.glob("*") if entry.is_dir())


def build_example(lesson: Lesson, kind: str, name: str) -> Work:
    """Lay a wrong or right work over the checkpoint and return it.

    An example holds only the files that differ from the checkpoint, in `app/`, `work/` or both.
    """
    if name not in examples(lesson, kind):
        known = ", ".join(examples(lesson, kind))
        raise SubmissionError(
            f"There is no {kind} work “{name}” for this lesson. There is: {known}."
        )
    folder = STATE / "examples" / lesson.name / kind / name
    shutil.rmtree(folder, ignore_errors=True)
    for layer in (lesson.checkpoint, SUBMISSIONS / lesson.name / kind / name):
        for part in ("app", "work"):
            if (layer / part).is_dir() and (part == "work" or lesson.has_code):
                shutil.copytree(
                    layer / part,
                    folder / part,
                    ignore=shutil.ignore_patterns("__pycache__", "node_modules", "dist"),
                    dirs_exist_ok=True,
                )
    if not lesson.has_code:
        return Work(lesson.checkpoint / "app", folder / "work")
    return Work(folder / "app", folder / "work")
