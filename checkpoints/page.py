"""The page of a work: what it is made of, and its build, which is never an old one.

What is built is `index.html`, `src/` and `public/` of the student's `app/page`. The packages and the
configuration are the checkpoint's: Vite runs its configuration as a program, and who grades
strangers' work must not run theirs.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from checkpoints.engine.warm import scrubbed_environment
from checkpoints.lesson import CHECKPOINTS
from checkpoints.setup import node
from checkpoints.setup.steps import SetupError, explain_os_error
from checkpoints.submission import work_files

REFERENCE = CHECKPOINTS / "L07" / "app" / "page"
BUILDS = node.CACHE / "builds"
INDEX = "page/index.html"  # in a work's app
DIST = "page/dist"
SOURCES = "sources.sha256"  # in a build: the hash of what it was made of

_THEIRS = ("index.html", "src", "public")  # what a student's page consists of
_CONFIG = "vite.config.ts"
_OURS = ("package.json", "package-lock.json", "tsconfig.json", _CONFIG)
_KEPT = 30  # builds
_SECONDS = 120  # for one second's work, on a machine that has much else to do
_BUILD = Path(__file__).parent / "vite" / "build.mjs"
_COMPILER = "[builtin:vite-transform]"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_PLACE = re.compile(r"\[ (\S+?):(\d+):\d+ \]")
_CODE = re.compile(r"^\[[A-Z_]+\] ")
_TYPE_ERROR = re.compile(r"^(\S+?)\((\d+),\d+\): error TS\d+: (.*)$", re.MULTILINE)


class PageError(Exception):
    """The sources cannot be built. The text is a sentence with file and line, as far as known."""


class NoPackages(Exception):
    """This machine has nothing to build the page with. The text says why, and what to type."""


def has_page(app: Path) -> bool:
    """Whether this work has a page at all: lessons before the seventh have none."""
    return (app / INDEX).is_file()


def is_source(app: Path, file: Path) -> bool:
    """Whether a student's page is built from this file, among others."""
    return any(file.is_relative_to(app / "page" / name) for name in _THEIRS)


def sources_hash(app: Path) -> str:
    """The SHA-256, in hex, of all that the build of this work's page depends on."""
    digest = hashlib.sha256()
    for name, file in _sources(app):
        content = file.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _sources(app: Path) -> list[tuple[str, Path]]:
    """Name in the page → file: the student's part, and ours."""
    page = app / "page"
    own = [(file.relative_to(page).as_posix(), file) for file in work_files(page)]
    found = {name: file for name, file in own if name.split("/")[0] in _THEIRS}
    found |= {name: REFERENCE / name for name in _OURS if (REFERENCE / name).exists()}
    return sorted(found.items())


def built(app: Path, beside: Path | None = None) -> Path:
    """Return the folder with this page, built from exactly these sources. Not to be changed.

    That is `beside` (`app/page/dist`), where it is the workbook's own build of them; else a build of
    ours, made now if need be, in a second or two. Raises PageError, NoPackages.
    """
    wanted = sources_hash(app)
    beside = beside or app / DIST
    if _came_with_the_workbook(beside, wanted):
        return beside
    place = BUILDS / wanted
    if not (place / SOURCES).exists():
        try:
            _build(app, wanted, place)
        except NoPackages as error:
            raise NoPackages(
                f"The page has to be built from these sources, and cannot be. {error}"
            ) from None
    os.utime(place)
    return place


def put_beside(app: Path) -> bool:
    """Make `app/page/dist` the build of these sources. Returns whether it was another one.

    Raises PageError, NoPackages; then the old one stays, so that a server goes on.
    """
    beside = app / DIST
    source = built(app)
    if source == beside or _hash_in(beside) == _hash_in(source):
        return False
    if _came_with_the_workbook(beside, _hash_in(beside)):
        _keep(beside)  # whoever resets without node finds it again
    new, old = beside.with_name(".dist.new"), beside.with_name(".dist.old")
    for left in (new, old):
        shutil.rmtree(left, ignore_errors=True)
    shutil.copytree(source, new)
    if beside.exists():
        beside.rename(old)
    new.rename(beside)
    shutil.rmtree(old, ignore_errors=True)
    return True


def is_stale(app: Path) -> bool:
    """Whether `app/page/dist` was built from other sources than these, or is not there."""
    return _hash_in(app / DIST) != sources_hash(app)


def _hash_in(folder: Path) -> str:
    """What a build says it was made of; empty where it says nothing."""
    try:
        return (folder / SOURCES).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _came_with_the_workbook(folder: Path, wanted: str) -> bool:
    """Whether this is the starter's build, file by file, and was made of the wanted sources.

    A build that somebody else has put there is not believed, whatever it says of itself.
    """
    if not wanted or _hash_in(folder) != wanted:
        return False
    lists = CHECKPOINTS.glob("L*/starter.sha256")
    lines = {line for file in lists for line in file.read_text(encoding="utf-8").splitlines()}
    return all(
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  "
        f"app/page/dist/{file.relative_to(folder).as_posix()}" in lines
        for file in folder.rglob("*")
        if file.is_file()
    )


def _keep(folder: Path) -> None:
    with suppress(FileExistsError):
        shutil.copytree(folder, BUILDS / _hash_in(folder))


def _build(app: Path, wanted: str, place: Path) -> None:
    BUILDS.mkdir(parents=True, exist_ok=True)
    with _copy(app) as (copy, found), tempfile.TemporaryDirectory(dir=node.CACHE) as folder:
        out = Path(folder, "dist")
        task = {"root": str(copy), "packages": str(found), "out": str(out)}
        said = _run([str(_BUILD), json.dumps(task)], copy)
        result = _last_json(said)
        if not result.get("built"):
            raise PageError(_sentence(str(result.get("message") or said), copy))
        (out / SOURCES).write_text(wanted + "\n", encoding="utf-8")
        with suppress(OSError):  # another command was faster, with the same
            out.rename(place)
    _forget_old_builds()


def type_errors(app: Path) -> list[str]:
    """What TypeScript says against these sources, a sentence each. A page with errors still builds.

    Takes some seconds. Raises NoPackages.
    """
    with _copy(app) as (copy, found):
        compiler = found / "node_modules" / "typescript" / "bin" / "tsc"
        said = _run([str(compiler), "--noEmit", "--pretty", "false", "-p", str(copy)], copy)
    return [
        f"page/{file}, line {line}: {message}" for file, line, message in _TYPE_ERROR.findall(said)
    ]


def packages() -> Path:
    """The folder with the page's packages and our `vite.config.ts`. Raises NoPackages."""
    try:
        place = node.packages(REFERENCE)
    except SetupError as error:
        raise NoPackages(str(error)) from None
    except OSError as error:
        raise NoPackages(explain_os_error(error)) from None
    wanted = (REFERENCE / _CONFIG).read_bytes()
    config = place / _CONFIG
    if not config.exists() or config.read_bytes() != wanted:
        new = config.with_suffix(".new")
        new.write_bytes(wanted)
        new.replace(config)  # whole or not at all: Vite may be watching it
    return place


@contextmanager
def _copy(app: Path) -> Iterator[tuple[Path, Path]]:
    """A copy of the sources where the packages are found. Yields the copy and the packages' folder."""
    place = packages()
    with tempfile.TemporaryDirectory(prefix="page-", dir=place) as folder:
        for name, file in _sources(app):
            target = Path(folder, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        yield Path(folder), place


def _run(arguments: Sequence[str], folder: Path) -> str:
    """Run Node without our secrets, for so long at most. Returns what it printed."""
    found = node.find()
    if found is None:
        raise NoPackages(f"Node is gone from this machine. Install it: {node.how_to_install()}")
    environment = {
        **scrubbed_environment(),
        "HOME": str(folder),
        "NODE_ENV": "production",
        "FORCE_COLOR": "0",
    }
    process = subprocess.Popen(
        [found.node, *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    try:
        return process.communicate(timeout=_SECONDS)[0]
    except subprocess.TimeoutExpired:
        raise PageError(f"Building the page was not done after {_SECONDS} seconds.") from None
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _last_json(said: str) -> dict[str, Any]:
    for line in reversed(said.splitlines()):
        with suppress(ValueError):
            found = json.loads(line)
            if isinstance(found, dict):
                return found
    return {}


def _sentence(message: str, folder: Path) -> str:
    """The first line of what Vite says, behind file and line, as far as it knows them."""
    message = _COLOURS.sub("", message).replace(f"{folder}{os.sep}", "")
    first = next((line for line in message.splitlines() if line.strip()), "Vite said nothing.")
    place = _PLACE.search(message)
    if not place:
        return f"The page: {first.strip()}"
    # Only the compiler sees the file as it was written; what comes later counts other lines.
    file, line = place.groups()
    if not first.startswith(_COMPILER):
        return f"page/{file}: {_CODE.sub('', first)}"
    return f"page/{file}, line {line}: {first.removeprefix(_COMPILER).strip()}"


def _forget_old_builds() -> None:
    found = sorted(BUILDS.iterdir(), key=lambda one: one.stat().st_mtime, reverse=True)
    for old in found[_KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
