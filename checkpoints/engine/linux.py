"""What Linux alone can do with processes. Elsewhere these functions do nothing."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def end_with_parent() -> None:
    """Let the kernel kill this process when the one that started it ends, however it ends."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends: so they can be found and ended."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def end_orphans(known: Collection[int] = ()) -> None:
    """Kill every child but the known ones, and what becomes ours by that, until there are none."""
    while orphans := children().difference(known):
        for pid in orphans:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def children() -> set[int]:
    """The processes whose parent is this one."""
    return {
        int(file.parent.name)
        for file in Path("/proc").glob("[0-9]*/stat")
        if _parent(file) == os.getpid()
    }


def _parent(file: Path) -> int | None:
    try:
        # "pid (name) state parent …", where the name may hold anything
        return int(file.read_text(errors="replace").rpartition(")")[2].split()[1])
    except OSError:
        return None  # it has just ended


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
