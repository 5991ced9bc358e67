"""A copy of the repository to run the CLI in, out of process, as a student would.

The real `lessons/` and `.workbook/` belong to whoever has cloned the repository: no test comes near.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120  # so long may a command take on a machine that has much else to do
_NEEDED = ("checkpoints", "shared", "lessons", "tests/submissions", "pyproject.toml")
_KEPT = ("PATH", "LANG", "LC_ALL", "VIRTUAL_ENV", "SYSTEMROOT")


@dataclass(frozen=True)
class Result:
    """What a finished command said, and its exit status."""

    status: int
    out: str
    err: str


@dataclass
class Clone:
    """The copy, and what is set in the environment of whoever works in it."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def app(self) -> Path:
        """Where the student writes lesson 2."""
        return self.root / "lessons" / "L02" / "app"

    @property
    def checkpoint(self) -> Path:
        return self.root / "checkpoints" / "L02" / "app"

    @property
    def progress(self) -> Path:
        return self.root / ".workbook" / "progress.json"

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start `python -m checkpoints …`; the rest is set in its environment."""
        return subprocess.Popen(
            [sys.executable, "-m", "checkpoints", *arguments],
            cwd=self.root,
            env=self._environment(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a terminal of its own: Ctrl-C goes to its whole group
        )

    def run(self, *arguments: str, **environment: str) -> Result:
        """Run `python -m checkpoints …` to its end."""
        return finish(self.start(*arguments, **environment))

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return {**kept, "HOME": str(self.root), **self.environment, **more}

    def copy(self, root: Path) -> Clone:
        shutil.copytree(self.root, root)
        return Clone(root)


def make_clone(root: Path) -> Clone:
    for name in _NEEDED:
        source, target = ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)
    return Clone(root)


def finish(process: subprocess.Popen[str]) -> Result:
    """Wait for its end. Whatever happens, it is not left behind."""
    try:
        out, err = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    return Result(process.returncode, out or "", err or "")


def survivors(folder: Path) -> list[str]:
    """The processes that have this folder for TMPDIR: all that a command has started has."""
    sign = f"TMPDIR={folder}\0".encode()
    found = []
    for file in Path("/proc").glob("[0-9]*/environ"):
        try:
            if sign in file.read_bytes():
                found.append((file.parent / "cmdline").read_bytes().decode().replace("\0", " "))
        except OSError:
            continue  # it has just ended, or is somebody else's
    return found
