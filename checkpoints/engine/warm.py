"""Starting server processes, warm where the platform can fork, fresh where it cannot.

Two ways to do it: `Forking` asks the zygote; `Fresh` starts an interpreter each time (macOS, whose
system libraries do not survive a fork, or `WORKBOOK_FORK=0`).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from checkpoints.engine import linux
from checkpoints.engine.serve import Spec

ROOT = Path(__file__).resolve().parents[2]
_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ", "VIRTUAL_ENV")


class StarterError(Exception):
    """The processes that serve student code cannot be started on this machine."""


class JudgeError(Exception):
    """The checks themselves could not run: our fault or the machine's, no verdict on the work."""


class Process(Protocol):
    """A started server process."""

    pid: int

    def poll(self) -> int | None:
        """The exit code (negative: a signal), or None while it runs."""


class Starter(Protocol):
    """Something that starts server processes."""

    def start(self, spec: Spec, listening: socket.socket, output: int) -> Process:
        """Start one that serves on an open socket and prints to a descriptor. Raises StarterError."""

    def close(self) -> None:
        """Kill what still runs."""


def scrubbed_environment() -> dict[str, str]:
    """What a server process may know of this machine: no keys, no tokens, no home."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "PYTHONUTF8": "1",
        "OPENAI_AGENTS_DISABLE_TRACING": "1",
        "NO_COLOR": "1",
    }


def make_starter(environ: Mapping[str, str] = os.environ) -> Starter:
    """Return the starter that suits this platform. The zygote begins to import at once."""
    if sys.platform == "darwin" or environ.get("WORKBOOK_FORK") == "0":
        return Fresh()
    return Forking()


class Forking:
    """Talks to the zygote (see `zygote.py`)."""

    def __init__(self) -> None:
        self._launch()

    def _launch(self) -> None:
        self._control, theirs = socket.socketpair()
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._zygote = subprocess.Popen(
            [sys.executable, "-m", "checkpoints.engine.zygote", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            cwd=ROOT,
            env=scrubbed_environment(),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
        )
        theirs.close()
        self._unread = b""
        self._ready = False
        self._lost = False
        self._last_pid = 0
        self._exit_codes: dict[int, int] = {}

    def start(self, spec: Spec, listening: socket.socket, output: int) -> Process:
        """See `Starter`. The first call waits until the SDKs are imported."""
        if self._ready and not self._lost:
            self._hear(wait=False)
        if self._lost:  # a server killed its parent
            self.close()
            self._launch()
        while not self._ready:
            self._hear(wait=True)
        self._last_pid = 0
        socket.send_fds(
            self._control, [spec.to_json().encode() + b"\n"], [listening.fileno(), output]
        )
        while not self._last_pid:
            self._hear(wait=True)
        return _Forked(self._last_pid, self)

    def exit_code(self, pid: int) -> int | None:
        """The exit code of a process that was forked, or None while it runs."""
        if not self._lost:
            self._hear(wait=False)
        return self._exit_codes.get(pid, -signal.SIGKILL if self._lost else None)

    def _hear(self, *, wait: bool) -> None:
        """Take in what the zygote says."""
        try:
            data = self._control.recv(65536, 0 if wait else socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except ConnectionResetError:
            data = b""
        if not data and self._ready and not wait:
            self._lost = True
        elif not data:
            raise StarterError(self._last_words())
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            match json.loads(line):
                case {"event": "ready"}:
                    self._ready = True
                case {"event": "forked", "pid": pid}:
                    self._last_pid = pid
                case {"event": "exit", "pid": pid, "code": code}:
                    self._exit_codes[pid] = code

    def _last_words(self) -> str:
        code = self._zygote.wait()
        self._output.seek(0)
        lines = self._output.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"exit code {code}"

    def close(self) -> None:
        """See `Starter`. The zygote kills its children when the socket closes."""
        self._control.close()
        if not self._ready:  # it has none, and may be importing for seconds yet
            self._zygote.kill()
        self._zygote.wait()
        self._output.close()


class _Forked:
    def __init__(self, pid: int, starter: Forking) -> None:
        self.pid = pid
        self._starter = starter

    def poll(self) -> int | None:
        return self._starter.exit_code(self.pid)


class Fresh:
    """Starts a fresh interpreter for each server."""

    def __init__(self) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []
        self._others = linux.children()
        linux.adopt_orphans()

    def start(self, spec: Spec, listening: socket.socket, output: int) -> Process:
        """See `Starter`."""
        file = Path(spec.run_folder, "spec.json")
        file.write_text(spec.to_json(), encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, "-m", "checkpoints.engine.serve", str(file), str(listening.fileno())],
            pass_fds=[listening.fileno()],
            cwd=ROOT,
            env=scrubbed_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # so that Ctrl-C, which goes to the whole group, spares it
        )
        self._processes.append(process)
        return process

    def close(self) -> None:
        """See `Starter`."""
        for process in self._processes:
            process.kill()
            process.wait()
        linux.end_orphans(self._others)
