"""Make `.venv`, and everything else that a command needs before it can run.

The stamp in `.venv` is written last. So a set-up that was stopped anywhere goes on with the next
command, and a `.venv` that lost a part of itself is noticed and made anew.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import sys
from pathlib import Path

from checkpoints import bootstrap
from checkpoints.bootstrap import ROOT, VENV, VENV_PYTHON
from checkpoints.setup import browser, nginx, node, pins, postgres
from checkpoints.setup.steps import (
    LOG,
    SetupError,
    explain_os_error,
    install_with_apt,
    one_at_a_time,
    run,
    say,
)

_VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
_SITE = Path(VENV, "lib", f"python{_VERSION}", "site-packages")


def prepare(level: str) -> bool:
    """Do what `level` of `bootstrap.py` needs. Where that fails, say why and return False."""
    try:
        with one_at_a_time() as lock:
            if level == "lock":
                pins.renew(lock)
            elif not bootstrap.ready(level):  # Another make may have done it while we waited.
                _set_up(level, lock)
            if level == "test":
                browser.require(lock)
                nginx.require(lock)
                postgres.require(lock)
                node.require(lock)
    except SetupError as error:
        say(str(error))
    except OSError as error:
        say(explain_os_error(error))
    else:
        return True
    return False


def _set_up(level: str, lock: int) -> None:
    pinned = bootstrap.locks(level)
    LOG.write_text("", encoding="utf-8")
    say("Setting up (once, about a minute) …")
    if not _usable():
        _make_venv(lock)
    pip = [VENV_PYTHON, "-I", "-m", "pip", "install", "--progress-bar", "off"]
    packages = Path(ROOT, bootstrap.LOCKS[level][-1])
    run([*pip, "--require-hashes", "--only-binary", ":all:", "-r", str(packages)], lock)
    # `import shared` then works from every working directory.
    (_SITE / "workbook.pth").write_text(ROOT + "\n", encoding="utf-8")
    installed = [f"has {entry.relative_to(VENV)}" for entry in _SITE.iterdir()]
    _stamp(bootstrap.place() + pinned + sorted(installed))


def _usable() -> bool:
    """Whether pip can bring the `.venv` that is there up to date.

    It must be complete, and made in this place by this Python. pip puts back a package
    whose `.dist-info` is gone; that one lost its files, pip does not see.
    """
    try:
        stamped = bootstrap.stamp()
    except OSError:
        return False
    return (
        set(bootstrap.place()) <= stamped
        and os.path.realpath(VENV_PYTHON) == os.path.realpath(sys.executable)
        and all(name.endswith(".dist-info") for name in bootstrap.missing(stamped))
    )


def _make_venv(lock: int) -> None:
    venv = Path(VENV)
    if venv.is_symlink() or (venv.exists() and not venv.is_dir()):
        raise SetupError(
            f"{VENV} is not a folder, and the set-up needs a folder of that name. Move it away, "
            "then type the same command again."
        )
    _require_venv_module(lock)
    # Inside an activated .venv, the running Python is the link that is about to be removed.
    inside = Path(sys.executable).is_relative_to(venv)
    python = os.path.realpath(sys.executable) if inside else sys.executable
    if venv.exists():
        shutil.rmtree(venv)
    run([python, "-I", "-m", "venv", VENV], lock)
    _stamp(bootstrap.place())


def _require_venv_module(lock: int) -> None:
    """Debian and Ubuntu ship a Python without the module that puts pip into a venv."""
    package = f"python{_VERSION}-venv"
    if importlib.util.find_spec("ensurepip") is None and install_with_apt(package, lock):
        importlib.invalidate_caches()
    if importlib.util.find_spec("ensurepip") is None:
        raise SetupError(
            f"{sys.executable} cannot make a venv: its ensurepip module is not installed. "
            f"Type  sudo apt install {package}  and then the same command again."
        )


def _stamp(lines: list[str]) -> None:
    """Written whole or not at all: half a stamp would be believed."""
    draft = Path(bootstrap.STAMP + ".new")
    lines = [*lines, "has pyvenv.cfg"]  # Without it, our interpreter is the system's.
    draft.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="surrogateescape")
    draft.replace(bootstrap.STAMP)
