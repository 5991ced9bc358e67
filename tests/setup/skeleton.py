"""A small copy of the repository: the real Makefile and set-up, a stand-in for everything else.

The stand-in for the packages is one wheel, `tiny`, so that an install takes a second and needs no
network; the stand-in for the CLI prints what it was called with.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REAL_PYTHON = os.path.realpath(sys.executable)

CLI = """\
import os, sys, tiny
given = {name: os.environ[name] for name in ("FROM", "FORCE", "SUBMISSION") if name in os.environ}
print("cli", *sys.argv[1:], *(f"{name}={value}" for name, value in given.items()))
"""

# Runs as another Python would: older, on another system, without a module, or with a fast venv.
DISGUISE = """\
import os, runpy, shutil, sys
sys.executable = launcher = {launcher!r}
realpath = os.path.realpath
os.path.realpath = lambda path, **how: realpath({real!r} if path == launcher else path, **how)
{change}
arguments = sys.argv[1:]
while arguments and arguments[0] in ("-ES", "-I"):
    del arguments[0]
if arguments[:2] == ["-m", "venv"]:
    shutil.copytree({venv!r}, arguments[2], symlinks=True)
elif arguments[0] == "-c":
    exec(arguments[1])
else:
    sys.argv = arguments
    sys.path.insert(0, os.path.dirname(os.path.abspath(arguments[0])))
    runpy.run_path(arguments[0], run_name="__main__")
"""


@dataclass
class Result:
    """What a finished command said, and its exit status."""

    status: int
    out: str
    err: str


@dataclass
class Clone:
    """A skeleton repository, the wheels that its pip finds, and the environment of its user."""

    root: Path
    wheels: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def site(self) -> Path:
        [site] = self.venv.glob("lib/python*/site-packages")
        return site

    @property
    def stamp(self) -> Path:
        return self.venv / "workbook.stamp"

    @property
    def log(self) -> Path:
        return self.root / ".workbook" / "setup.log"

    def command(self, *arguments: str, python: str = REAL_PYTHON) -> list[str]:
        return [python, "-ES", str(self.root / "checkpoints/bootstrap.py"), *arguments]

    def environ(self, **changes: str) -> dict[str, str]:
        """Nothing of the machine's own settings; packages come from the folder of wheels."""
        usual = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root.parent),
            "LC_ALL": "C.UTF-8",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_CACHE_DIR": "1",
            "PIP_RETRIES": "1",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": self.wheels.as_uri(),
        }
        return usual | self.environment | changes

    def offline(self, index: str) -> dict[str, str]:
        """Changes to the environment after which pip asks `index` for every package."""
        return {"PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "", "PIP_INDEX_URL": index}

    def run(self, *arguments: str, python: str = REAL_PYTHON, **changes: str) -> Result:
        """Call bootstrap.py. A traceback is a failure whatever the test is about."""
        return self._finish(self.command(*arguments, python=python), changes)

    def make(self, *arguments: str, **changes: str) -> Result:
        return self._finish(["make", f"PYTHON={REAL_PYTHON}", *arguments], changes)

    def _finish(self, command: list[str], changes: dict[str, str]) -> Result:
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.environ(**changes),
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stderr + done.stdout, done.stderr
        return Result(done.returncode, done.stdout, done.stderr)

    def begin(self, *arguments: str, **changes: str) -> subprocess.Popen[str]:
        """Call bootstrap.py without waiting for it, in a process group of its own."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.root,
            env=self.environ(**changes),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def adopt_venv(self, other: Clone, *, installed: bool) -> None:
        """Take over another clone's `.venv`, as if it was made here: making one takes seconds.

        `installed=False` leaves it as a set-up that was stopped before the packages came.
        """
        shutil.copytree(other.venv, self.venv, symlinks=True)
        lines = self.stamp.read_text().replace(str(other.root), str(self.root)).splitlines()
        if not installed:
            lines = [
                line
                for line in lines
                if line.startswith(("root ", "python ")) or line.endswith("pyvenv.cfg")
            ]
            for path in self.site.glob("tiny*"):
                shutil.rmtree(path)
            (self.site / "workbook.pth").unlink()
        self.stamp.write_text("\n".join(lines) + "\n")

    def disguise(self, name: str, change: str = "", venv: Path | None = None) -> str:
        """A program that is our Python after `change` (Python code); returns its path.

        `venv`: its `-m venv` copies this one.
        """
        folder = self.root.parent / "bin"
        folder.mkdir(exist_ok=True)
        launcher, code = folder / name, folder / f"{name}.py"
        code.write_text(
            DISGUISE.format(launcher=str(launcher), real=REAL_PYTHON, change=change, venv=str(venv))
        )
        launcher.write_text(f'#!/bin/sh\nexec "{REAL_PYTHON}" -ES "{code}" "$@"\n')
        launcher.chmod(0o755)
        return str(launcher)


def make_clone(folder: Path) -> Clone:
    """A fresh skeleton below `folder`, with a space in its path."""
    root, wheels = folder / "my clone", folder / "wheels"
    root.mkdir(parents=True)
    wheels.mkdir()
    shutil.copy(ROOT / "Makefile", root)
    shutil.copytree(
        ROOT / "checkpoints/setup",
        root / "checkpoints/setup",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    shutil.copy(ROOT / "checkpoints/bootstrap.py", root / "checkpoints")
    (root / "checkpoints/__init__.py").touch()
    (root / "checkpoints/__main__.py").write_text(CLI)
    (root / "shared").mkdir()
    (root / "shared/__init__.py").touch()
    (root / "tests").mkdir()
    clone = Clone(root, wheels)
    pin(clone, "1.0")
    return clone


def pin(clone: Clone, version: str) -> None:
    """Publish `tiny` in this version, and lock it."""
    wheel = clone.wheels / f"tiny-{version}-py3-none-any.whl"
    info = f"tiny-{version}.dist-info"
    files = {
        "tiny/__init__.py": f"version = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(zipfile.ZipInfo(name), text)  # without the time: same hash everywhere
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    for name in ("requirements.lock", "tests/requirements.lock"):
        (clone.root / name).write_text(f"tiny=={version} \\\n    --hash=sha256:{digest}\n")
