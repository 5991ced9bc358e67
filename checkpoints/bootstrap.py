"""Give every `make` target the same Python and packages, installed when first needed.

    python3 checkpoints/bootstrap.py run|author|test -- <arguments of python -m checkpoints>
    python3 checkpoints/bootstrap.py lock

`run` is what a student needs, `author` adds the tools of the workbook's own tests, `test` adds a
browser; `lock` pins the packages anew. Exits with 2 and a sentence where that cannot be had.

This file must start on any Python, however old, so that it can say what is missing instead of a
SyntaxError: no annotations, no f-strings. All that needs a newer Python is in checkpoints/setup.
"""

# ruff: noqa: RUF005, UP020, UP024, UP031

import hashlib
import io
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
VENV_PYTHON = os.path.join(VENV, "bin", "python")
STAMP = os.path.join(VENV, "workbook.stamp")

# The last lock file of a level holds the packages of the others too.
LOCKS = {
    "run": ["requirements.lock"],
    "author": ["requirements.lock", "tests/requirements.lock"],
    "test": ["requirements.lock", "tests/requirements.lock"],
}
OLDEST = (3, 11)
NAMES = ("python3.14", "python3.13", "python3.12", "python3.11", "python3", "python")

# Of use to the user's other Pythons, harmful to this one.
FOREIGN = (
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSAFEPATH",
    "PYTHONOPTIMIZE",
    "__PYVENV_LAUNCHER__",
)

WINDOWS = """\
The workbook runs on Linux and macOS, and on Windows inside WSL.
Type  wsl --install  once in PowerShell, open Ubuntu from the Start menu, and clone it there."""

TOO_OLD = """\
The workbook needs Python 3.11 or newer; this is Python %d.%d, and no other was found.
Install one, then type the same command again:
  Debian, Ubuntu, WSL:  sudo apt install python3.11 python3.11-venv
  macOS:                brew install python@3.13
If you have one elsewhere, name it:  make ... PYTHON=/path/to/python3"""


def main(arguments):  # type: (list[str]) -> int
    """Do what the module's docstring says. Returns only when there is nothing to run."""
    level = arguments[0] if arguments else ""
    if os.name == "nt":
        return stop(WINDOWS)
    if level not in LOCKS and level != "lock":
        return stop(__doc__)
    if level in ("run", "author") and sys.version_info >= (3, 6) and ready(level):
        start(arguments[2:])
    if sys.version_info < OLDEST:
        python = find_python()
        if python is None:
            return stop(TOO_OLD % tuple(sys.version_info[:2]))
        os.execv(python, [python, "-ES", os.path.abspath(__file__)] + arguments)
    sys.path[0] = ROOT  # It was this folder, whose modules must not hide the standard library's.
    from checkpoints.setup import environment

    if not environment.prepare(level):
        return 2
    if level == "lock":
        return 0
    start(arguments[2:])
    return stop("%s does not start. Type the same command again." % VENV_PYTHON)


def ready(level):  # type: (str) -> bool
    """Whether `.venv` holds what `level` needs. Reads a few files and starts nothing."""
    try:
        stamped = stamp()
        return set(place() + locks(level)) <= stamped and not missing(stamped)
    except (IOError, OSError):
        return False


def stamp():  # type: () -> set[str]
    """What the last finished step of the set-up noted down, line by line. Raises OSError."""
    with io.open(STAMP, encoding="utf-8", errors="surrogateescape") as file:
        return set(file.read().splitlines())


def place():  # type: () -> list[str]
    """Stamp lines that no longer hold when the folder moved or its Python was replaced."""
    return ["root " + ROOT, "python " + os.path.realpath(VENV_PYTHON)]


def locks(level):  # type: (str) -> list[str]
    """Stamp lines that no longer hold when a lock file changed."""
    lines = []
    for name in LOCKS[level]:
        with io.open(os.path.join(ROOT, name), "rb") as file:
            lines.append("lock %s %s" % (name, hashlib.sha256(file.read()).hexdigest()))
    return lines


def missing(stamped):  # type: (set[str]) -> list[str]
    """The installed files and folders that the stamp lists and that are gone since."""
    listed = [line[4:] for line in stamped if line.startswith("has ")]
    return [name for name in listed if not os.path.exists(os.path.join(VENV, name))]


def start(arguments):  # type: (list[str]) -> None
    """Become `python -m checkpoints`. Returns only when the interpreter does not start."""
    try:
        os.execve(VENV_PYTHON, [VENV_PYTHON, "-m", "checkpoints"] + arguments, clean_environment())
    except OSError:
        os.remove(STAMP)  # Whatever it says, this `.venv` is of no use: it is made anew.


def clean_environment():  # type: () -> dict[str, str]
    """The environment without what would lead our Python to another one's packages."""
    return {name: value for name, value in os.environ.items() if name not in FOREIGN}


def find_python():  # type: () -> str | None
    """The first Python on PATH that is new enough, outside `.venv`."""
    for name in NAMES:
        for folder in os.environ.get("PATH", "").split(os.pathsep):
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not path.startswith(VENV + os.sep) and answers(path):
                return path
    return None


def answers(python):  # type: (str) -> bool
    """Whether this interpreter starts and is new enough."""
    code = "import sys; sys.exit(sys.version_info < %r)" % (OLDEST,)
    command = [python, "-ES", "-c", code]
    try:
        with io.open(os.devnull, "wb") as nowhere:
            return subprocess.call(command, stdout=nowhere, stderr=nowhere) == 0
    except OSError:
        return False


def stop(sentence):  # type: (str) -> int
    """Say why nothing more happens. Returns the exit status."""
    sys.stderr.write(sentence + "\n")
    return 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. Type the same command again to go on.\n")
        sys.exit(130)
    except (IOError, OSError) as error:
        sys.exit(stop("The set-up cannot go on: %s." % error))
