"""TAB completes `workbook`: keys are typed into an interactive shell, which then says its line."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.setup.skeleton import ROOT

pytestmark = pytest.mark.slow

PLAIN = {"bash": ["--norc", "--noprofile", "-i"], "zsh": ["--no-rcs", "-i"]}
SHELLS = [name for name in PLAIN if name == "bash" or shutil.which(name)]


class Terminal:
    """A shell at its prompt, in a folder that is not the workbook's."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def type(self, keys: str, until: str) -> str:
        """Type, and return what was shown up to a line that ends with `until`."""
        os.write(self.fd, keys.encode())
        shown = ""
        while not re.search(f"{until}\r*\n", shown):
            ready, _, _ = select.select([self.fd], [], [], 60)
            assert ready, f"The shell is silent. It showed: {shown!r}"
            shown += os.read(self.fd, 65536).decode(errors="replace")
        return shown

    def complete(self, keys: str) -> str:
        """The line that `keys` and a TAB become: it goes, in brackets, to `echo`, and is not run."""
        # Ctrl-A: to the line's start. Ctrl-E: to its end. So END stands whole in the answer only.
        shown = self.type(f"{keys}\t\x01echo '[\x05]' EN''D\n", until="END")
        [line] = re.findall(r"\n\[(.*?) *\] END", shown)
        return str(line)


@contextmanager
def terminal(shell: str, root: Path) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [shell, *PLAIN[shell]],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=root.parent,
        env={"PATH": os.environ["PATH"], "HOME": str(root.parent), "TERM": "dumb"},
        start_new_session=True,
    )
    os.close(theirs)
    try:
        one = Terminal(ours)
        keys = 'bindkey -e 2>/dev/null; source "{}"; echo RE""ADY\n'
        one.type(keys.format(root / "checkpoints" / "completion.sh"), until="READY")
        yield one
    finally:
        process.kill()
        process.wait()
        os.close(ours)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The workbook before its set-up. Its path has a space."""
    root = tmp_path / "my workbook"
    (root / "checkpoints").mkdir(parents=True)
    for name in ("completion.sh", "bootstrap.py"):
        shutil.copy(ROOT / "checkpoints" / name, root / "checkpoints")
    return root


def set_up(root: Path) -> None:
    """Give it this test's packages, and this repository's lessons."""
    python = root / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)


@pytest.mark.parametrize("shell", SHELLS)
def test_commands_lessons_options_and_mistakes_complete(shell: str, root: Path) -> None:
    set_up(root)
    (root.parent / "clones of 2026").mkdir()
    with terminal(shell, root) as one:
        assert one.complete("workbook che") == "workbook check"
        assert one.complete("workbook check 02 --forc") == "workbook check 02 --force"
        assert one.complete("workbook mine 02 --su") == "workbook mine 02 --submission"
        assert one.complete("workbook lesson 02 --from c") == "workbook lesson 02 --from checkpoint"
        for number in ("02", "2"):  # after the colon, which bash takes for the end of a word
            line = f"workbook lesson {number} --from mistake:"
            assert one.complete(f"{line}buff") == f"{line}buffered"
        assert one.complete("workbook lesson 02 --from mistake:nobody").endswith(":nobody")
        assert "clones\\ of\\ 2026" in one.complete("workbook grade 02 --class clo")
        # Of several, what they share; and a second TAB lists them.
        assert one.complete("workbook check ").startswith("workbook check 0")


def test_before_the_set_up_tab_starts_nothing(root: Path) -> None:
    with terminal("bash", root) as one:
        assert one.complete("workbook che") == "workbook che"
    assert not (root / ".venv").exists()


def test_the_command_is_what_make_calls(root: Path) -> None:
    (root / "checkpoints" / "bootstrap.py").write_text("import sys; print(*sys.argv[1:])")
    with terminal("bash", root) as one:
        shown = one.type("workbook check 02 --from 'mistake: x'; echo EN''D\n", until="END")
    assert "\nrun -- check 02 --from mistake: x\r" in shown
