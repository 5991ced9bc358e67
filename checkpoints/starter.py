"""Makes a lesson's starter: the checkpoint before it, plus stubs for what the lesson adds.

The rules, by what `lesson.toml` lists:

* a new file gets the reference's docstring, imports and class headers, and a stub for each function,
  except for those that are `given`;
* a new function in an old file gets a stub, a changed one keeps its body of the lesson before;
* a stub is signature, docstring and a `NotImplementedError` that names the section of the text; one
  that overrides a working method calls `super()` instead (`overrides = true` in the list);
* an old file gets the imports and the classes that the lesson needs;
* a file that is not Python comes as it was, or not at all, unless it is `given`;
* a file of which the lesson has a version for the starter, below `starter/`, is that version;
* what the student writes in words begins with the lesson's `template/`, as `work/`;
* a page comes with its build, so that it can be seen without Node.

So every starter runs, and behaves as the checkpoint before it.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from datetime import datetime
from pathlib import Path

from checkpoints import page
from checkpoints.lesson import CHECKPOINTS, STATE, Lesson, folder_name
from checkpoints.stubs import extend, strip, symbols
from checkpoints.submission import work_files


def build(lesson: Lesson) -> dict[str, bytes]:
    """Return the starter: path below the lesson's folder → content."""
    files = _read(CHECKPOINTS / folder_name(lesson.number - 1)) if lesson.has_code else {}
    files.update(_changed(lesson, files))
    return {**files, **_page_build(lesson, files), **_template(lesson)}


def build_on(lesson: Lesson, before: Path) -> dict[str, bytes]:
    """Return a starter on somebody's own folder of the lesson before: their code, and the new files.

    What the lesson changes in files that are theirs, they change themselves: `lesson.toml` lists it.
    """
    files = _read(before)
    reference = _read(CHECKPOINTS / folder_name(lesson.number - 1))
    made = _changed(lesson, reference)
    files.update({name: content for name, content in made.items() if name not in files})
    return {**files, **_page_build(lesson, files), **_template(lesson)}


def has_page_build(files: dict[str, bytes]) -> bool:
    """Whether the page in these files can be seen without Node."""
    return f"app/{page.DIST}/{page.SOURCES}" in files


def _read(folder: Path) -> dict[str, bytes]:
    """The files of `app` in a lesson's folder."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in work_files(folder / "app")}


def _template(lesson: Lesson) -> dict[str, bytes]:
    """What `work/` begins with."""
    return {
        str(Path("work", file.relative_to(lesson.template))): file.read_bytes()
        for file in work_files(lesson.template)
    }


def _page_build(lesson: Lesson, files: dict[str, bytes]) -> dict[str, bytes]:
    """The build of the page in these files; nothing where there is no page, or no means to build it."""
    if f"app/{page.INDEX}" not in files:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            file = Path(folder, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        try:
            found = page.built(Path(folder, "app"), beside=lesson.folder / "app" / page.DIST)
        except (page.PageError, page.NoPackages):
            return {}
    return {
        f"app/{page.DIST}/{file.relative_to(found).as_posix()}": file.read_bytes()
        for file in sorted(found.rglob("*"))
        if file.is_file()
    }


def _changed(lesson: Lesson, files: dict[str, bytes]) -> dict[str, bytes]:
    """The files that the lesson touches, with stubs for what is new in them."""
    changed = {}
    code = [touch.file for touch in lesson.touches if touch.file.startswith("app/")]
    for name in dict.fromkeys(code):
        reference = lesson.checkpoint / name
        listed = [touch for touch in lesson.touches if touch.file == name]
        begun = lesson.checkpoint / "starter" / name
        if begun.exists():
            changed[name] = begun.read_bytes()
            continue
        if not name.endswith(".py"):
            if any(touch.given for touch in listed):
                changed[name] = reference.read_bytes()
            continue
        if not reference.exists():
            continue
        # A symbol may be listed for several concepts; its stub names the first one's section.
        touches = {touch.name: touch for touch in reversed(listed) if not touch.given}
        wanted = reference.read_text(encoding="utf-8")
        old = files.get(name)
        made = (
            extend(old.decode(), wanted, touches, lesson) if old else strip(wanted, touches, lesson)
        )
        changed[name] = made.encode()
    return changed


def manifest(files: dict[str, bytes]) -> str:
    """`starter.sha256`: a line for each file, as `sha256sum` writes it."""
    return "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n"
        for name, content in sorted(files.items())
    )


def parts(files: dict[str, bytes]) -> list[str]:
    """Which folders a starter has: `app`, `work`, or both."""
    return sorted({Path(name).parts[0] for name in files})


def write(files: dict[str, bytes], folder: Path) -> None:
    """Write a starter's `app` and `work` into a lesson's folder in place of what is there.

    Whoever stops it finds each old folder whole, or the new one: they change places at the end. A
    folder that the starter does not have stays.
    """
    for part in parts(files):
        _replace(part, files, folder)


def _replace(part: str, files: dict[str, bytes], folder: Path) -> None:
    place, new, old = folder / part, folder / f".{part}.new", folder / f".{part}.old"
    for left in (new, old):
        _remove(left)
    for name, content in files.items():
        if Path(name).parts[0] == part:
            file = new / Path(name).relative_to(part)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    if place.is_symlink() or place.exists():
        place.rename(old)
    new.rename(place)
    _remove(old)


def _remove(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder, ignore_errors=True)


def keep_a_copy(lesson: Lesson, work: Path) -> Path | None:
    """Copy `app` and `work` of a lesson's folder aside, dated. Returns where, or None without any."""
    folders = [work / name for name in ("app", "work") if (work / name).is_dir()]
    if not folders:
        return None
    base = STATE / "kept" / f"{lesson.name}-{datetime.now():%Y-%m-%d-%H%M%S}"
    target, count = base, 1
    while target.exists():  # twice within a second
        count += 1
        target = base.with_name(f"{base.name}-{count}")
    for folder in folders:
        shutil.copytree(
            folder,
            target / folder.name,
            symlinks=True,
            ignore=shutil.ignore_patterns("__pycache__", "node_modules"),
        )
    return target


__all__ = ["build", "build_on", "keep_a_copy", "manifest", "parts", "symbols", "write"]
