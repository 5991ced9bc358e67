"""Look at everything on this machine that the workbook leans on, and say what to do about it.

Nothing here changes anything, and nothing secret (a key, a password in a URL) is repeated.
"""

from __future__ import annotations

import glob
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from checkpoints import bootstrap
from checkpoints.setup import browser, nginx, node, postgres
from shared.settings import Settings, SettingsError

ROOT = Path(bootstrap.ROOT)
PORTS = range(8001, 8009)  # one for each lesson
ENOUGH_DISK = 1_000_000_000  # bytes: the packages of `make test`, unpacked, and pip's copies

# What a later lesson asks for: name, where to look, lesson, package in Debian and in brew.
_LATER = (
    ("Browser", (), 7, "chromium", "--cask google-chrome"),
    ("Node", (), 7, "nodejs npm", "node"),
    ("Postgres", postgres.PLACES, 6, "postgresql", "postgresql@17"),
    ("nginx", nginx.PLACES, 3, "nginx", "nginx"),
)


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `ok` is None where nothing is wrong and nothing is needed yet."""

    name: str
    ok: bool | None
    detail: str
    remedy: str | None = None


def diagnose() -> list[Finding]:
    """All findings, what everything else depends on first."""
    return [
        _python(),
        *_environment(),
        _packages(),
        _writing(),
        _disk(),
        _git(),
        _model(),
        _database_url(),
        _ports(),
        *_later(),
    ]


def _python() -> Finding:
    version = platform.python_version()
    if sys.version_info < bootstrap.OLDEST:
        return Finding(
            "Python", False, f"{version} is too old.", "Install Python 3.11 or newer, remove .venv."
        )
    return Finding("Python", True, f"{version} ({os.path.realpath(sys.executable)})")


def _environment() -> Iterator[Finding]:
    if Path(sys.prefix).resolve() != Path(bootstrap.VENV).resolve():
        yield Finding(
            "Environment",
            False,
            f"This Python runs in {sys.prefix}, not in the workbook's .venv.",
            "Start the workbook's commands through make.",
        )
    for level, whose in (("run", "a student"), ("author", "make test")):
        if bootstrap.ready(level):
            yield Finding(f"Set-up for {whose}", True, "Complete and as pinned.")
        elif level == "run":
            yield Finding(
                f"Set-up for {whose}",
                False,
                "Not complete, or the lock file changed since.",
                "make progress  completes it.",
            )
        else:
            yield Finding(
                f"Set-up for {whose}", None, "Not needed yet; the first such call does it."
            )


def _packages() -> Finding:
    path = ROOT / bootstrap.LOCKS["run"][0]
    try:
        lines = re.findall(r"^([a-zA-Z].*?)\s*\\?$", path.read_text(), flags=re.MULTILINE)
        pinned = [requirement for line in lines if _applies(requirement := Requirement(line))]
    except (OSError, InvalidRequirement) as error:
        return Finding(
            "Packages", False, f"{path} cannot be read: {error}.", f"git checkout {path.name}"
        )
    wrong = []
    for requirement in pinned:
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            version = "not installed"
        if version not in requirement.specifier:
            wrong.append(f"{requirement.name} is {version} instead of {requirement.specifier}")
    if wrong:
        return Finding(
            "Packages", False, "; ".join(wrong) + ".", "rm -rf .venv  and call make doctor again."
        )
    return Finding("Packages", True, f"All {len(pinned)} are at their pinned versions.")


def _applies(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate()


def _writing() -> Finding:
    folders = [
        ROOT,
        *(folder for name in ("lessons", ".workbook") if (folder := ROOT / name).exists()),
    ]
    closed = [str(folder) for folder in folders if not os.access(folder, os.W_OK)]
    if closed:
        return Finding(
            "Writing",
            False,
            f"You may not write in {', '.join(closed)}.",
            f"sudo chown -R $USER '{ROOT}'",
        )
    return Finding("Writing", True, f"You may write in {ROOT}.")


def _disk() -> Finding:
    free = shutil.disk_usage(ROOT).free
    detail = f"{free / 1e9:.1f} GB are free."
    if free < ENOUGH_DISK:
        return Finding("Disk", False, detail, f"Free {ENOUGH_DISK / 1e9:.0f} GB.")
    return Finding("Disk", True, detail)


def _git() -> Finding:
    path = shutil.which("git")
    if path is None:
        return Finding("git", None, "Not found; you need it to fetch a newer workbook.")
    return Finding("git", True, path)


def _model() -> Finding:
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        return Finding("Model", False, str(error), "Correct the variable, or unset it.")
    if settings.offline:
        return Finding("Model", True, "The offline model; nothing leaves this machine.")
    where = "the server of OPENAI_BASE_URL" if settings.base_url else "OpenAI"
    name = settings.model or "the SDK's default model"
    return Finding("Model", True, f"{name} at {where}. CHATKIT_MODEL=offline goes back.")


def _database_url() -> Finding:
    if os.environ.get("DATABASE_URL"):
        return Finding("DATABASE_URL", True, "Set: from lesson 6 on, lessons use that Postgres.")
    return Finding("DATABASE_URL", None, "Not set: every lesson uses a SQLite file.")


def _ports() -> Finding:
    taken = [port for port in PORTS if not _is_free(port)]
    if not taken:
        return Finding("Ports", True, f"{PORTS[0]} to {PORTS[-1]} are free.")
    holders = (f"{port} is taken by {_holder(port) or 'a program'}" for port in taken)
    return Finding(
        "Ports",
        None,
        "; ".join(holders) + ".",
        "Fine if that is a lesson of yours. Else stop it, or: make lesson-02 PORT=8012",
    )


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as uvicorn does
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _holder(port: int) -> str | None:
    """The program that listens on a port, with its process id; None where nothing here can tell."""
    for command, pattern in (
        (["lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc"], r"p(?P<pid>\d+)\nc(?P<name>.+)"),
        (["ss", "-Hltnp", f"sport = :{port}"], r'\("(?P<name>[^"]+)",pid=(?P<pid>\d+)'),
    ):
        if shutil.which(command[0]):
            output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
            if found := re.search(pattern, output):
                return f"{found['name']} (process {found['pid']})"
    return None


def _later() -> Iterator[Finding]:
    for name, places, number, debian, brew in _LATER:
        path = _program(places) if places else _looked_for(name)
        if path:
            yield Finding(name, True, f"{path}, for lesson {number}.")
        else:
            install = (
                f"brew install {brew}" if sys.platform == "darwin" else f"sudo apt install {debian}"
            )
            yield Finding(name, None, f"For lesson {number}; not needed yet.", f"Then:  {install}")


def _looked_for(name: str) -> str | None:
    """The path of a program that has to be more than there."""
    if name == "Node":
        return found.node if (found := node.find()) else None
    return browser.find()


def _program(places: tuple[str, ...]) -> str | None:
    """The first of these that is there: names are looked up on PATH, paths may have wildcards."""
    for place in places:
        found = glob.glob(place) if "/" in place else [shutil.which(place)]
        if path := next(filter(None, sorted(filter(None, found), reverse=True)), None):
            return path
    return None
