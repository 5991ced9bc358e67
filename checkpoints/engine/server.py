"""A server process seen from outside: started, watched, stopped, explained."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from checkpoints.engine.serve import Spec
from checkpoints.engine.warm import Process, Starter, StarterError, scrubbed_environment
from checkpoints.page import DIST, NoPackages, PageError, built, has_page
from checkpoints.submission import work_files

CPU_SECONDS = 20  # of processor time: thousands of turns; an endless loop burns it in 20 s
PRELOAD_SECONDS = 120.0  # of wall-clock time to import the SDKs, in an interpreter of its own
START_SECONDS = 15.0  # from then until it serves, on a busy machine too
STOP_SECONDS = 5.0
_LOG_BYTES = 256 << 10  # of what is printed, from its end
_ANALYSIS_SECONDS = 1000  # on the settable clock: of itself no document is done within a check
_SEND_BUFFER = 16 << 10  # bytes for a reader who has stopped; the system would keep some megabytes


class CannotStart(Exception):
    """The app did not come to serve.

    `kind`: unreadable, syntax, import, app, exit, startup, hang or killed.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class ServerProcess:
    """One server process at a time, on one listening socket, in one folder that holds `app`."""

    def __init__(self, starter: Starter, run_folder: Path) -> None:
        self._starter = starter
        self._run_folder = run_folder
        self._process: Process | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def ending(self, *, within: float) -> str | None:
        """How the process came to its end, in words; None where it still runs after so many seconds."""
        give_up = time.monotonic() + within
        while self.running and time.monotonic() < give_up:
            time.sleep(0.01)  # nobody else has anything to do meanwhile
        code = self._process.poll() if self._process is not None else None
        return None if code is None else _ending(code)

    async def start(self, spec: Spec, listening: socket.socket, output: int) -> None:
        """Start and wait until it serves. `output`: a file descriptor. Raises `CannotStart`."""
        (self._run_folder / "status.jsonl").unlink(missing_ok=True)
        self._process = self._starter.start(spec, listening, output)
        give_up = time.monotonic() + PRELOAD_SECONDS
        importing = False
        while True:
            ended = self._process.poll()  # before the facts: its last words come first
            for fact in self.facts():
                match fact:
                    case {"phase": "importing"} if not importing:
                        importing, give_up = True, time.monotonic() + START_SECONDS
                    case {"phase": "unfit", "message": message} if not importing:
                        raise StarterError(message)
                    case {"phase": "serving"}:
                        return
                    case {"phase": "failed", "kind": str(kind), "message": str(message)}:
                        raise CannotStart(kind, message)
            if ended is not None:
                kind = "hang" if ended == -signal.SIGXCPU else "killed"
                raise CannotStart(kind, _ending(ended))
            if time.monotonic() > give_up:
                raise CannotStart(
                    "hang",
                    f"it was still not serving after {START_SECONDS:.0f} seconds; an endless loop, "
                    "or a call that never returns, does that",
                )
            await asyncio.sleep(0.005)

    def facts(self) -> list[dict[str, Any]]:
        """What the process has said of itself since it was started."""
        return _lines_of_json(self._run_folder / "status.jsonl")

    async def stop(self, *, patience: float = STOP_SECONDS) -> bool:
        """End it with SIGTERM, and with SIGKILL when it has not ended after so many seconds.

        Returns whether it ended without the second one.
        """
        if self._process is not None and self.running and patience:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGTERM)
            give_up = time.monotonic() + patience
            while self.running and time.monotonic() < give_up:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.01)
        ended = not self.running
        self.kill()  # also what it may have started itself
        self._process = None
        return ended

    def kill(self) -> None:
        """End it at once, with whatever it may have started itself."""
        if self._process is not None:
            for kill in (os.kill, os.killpg):
                with suppress(ProcessLookupError, PermissionError):
                    kill(self._process.pid, signal.SIGKILL)

    def show_where_it_stands(self) -> None:
        """Make the process write the line it is at to its output."""
        if self._process is not None and self.running:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGUSR1)
            time.sleep(0.1)  # nobody else has anything to do meanwhile


class StudentServer:
    """One submission's server: a copy of the work, a fresh database, bounds, no network, no secrets.

    `app` is the student's folder; nothing is written to it. Where it has a page, the copy gets a build
    of it; if that cannot be had, `page_error` says why, and the server runs without.
    """

    page_error: PageError | NoPackages | None = None

    def __init__(self, app: Path, starter: Starter, environment: Mapping[str, str]) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="workbook-"))
        self._app = app
        self._work = self._folder / "work"
        self._environment = {
            **scrubbed_environment(),
            "HOME": str(self._work),
            # Nobody speaks TLS to it, and reading the machine's certificates takes 20 ms.
            "SSL_CERT_DIR": str(self._folder),
            "CHATKIT_DATABASE": str(self.database),
            "CHATKIT_CLOCK": str(self._folder / "clock"),
            "CHATKIT_AUDIT": str(self._folder / "audit.jsonl"),
            "CHATKIT_PROBE": str(self._folder / "probe.jsonl"),
            "CHATKIT_ANALYSIS": str(_ANALYSIS_SECONDS),
            **environment,
        }
        self._ahead = 0.0
        self._log = (self._folder / "server.log").open("ab")
        self._log_seen = 0
        self._socket: socket.socket | None = None
        self.process = ServerProcess(starter, self._folder)
        self.backend = ServerProcess(starter, self._folder / "backend")
        self._backend_socket: socket.socket | None = None

    @property
    def base_url(self) -> str:
        assert self._socket is not None, "not started"
        return _address(self._socket)

    @property
    def backend_url(self) -> str:
        """Where the server behind the backend-for-frontend is, in a start with AUTH_MODE=bff."""
        assert self._backend_socket is not None, "not started"
        return _address(self._backend_socket)

    @property
    def database(self) -> Path:
        """The file that the settings name."""
        return self._folder / "chatkit.db"

    async def start(self, **settings: str) -> None:
        """Start it on the database that an earlier start left. Raises `CannotStart`.

        `settings` are variables of its environment, for this time only. AUTH_MODE=bff starts the same
        code twice: once more as the server behind, unless CHATKIT_BACKEND names one.
        """
        if not self._work.exists():
            self._copy()
            await asyncio.to_thread(self._put_page)
        await self.backend.stop(patience=0)
        if settings.get("AUTH_MODE") == "bff" and "CHATKIT_BACKEND" not in settings:
            self._backend_socket = _listen_anew(self._backend_socket)
            folder = self._folder / "backend"
            folder.mkdir(exist_ok=True)
            spec = self._spec(folder, {**settings, "AUTH_MODE": "bearer"})
            await self.backend.start(spec, self._backend_socket, self._log.fileno())
            settings["CHATKIT_BACKEND"] = self.backend_url
        self._socket = _listen_anew(self._socket)
        spec = self._spec(self._folder, settings)
        await self.process.start(spec, self._socket, self._log.fileno())

    def _spec(self, run_folder: Path, settings: Mapping[str, str]) -> Spec:
        return Spec(
            folder=str(self._work),
            run_folder=str(run_folder),
            environment={**self._environment, **settings},
            cpu_seconds=CPU_SECONDS,
            guarded=True,
        )

    def _copy(self) -> None:
        """Copy what the files hold, and not their permissions: the copy has to go away again."""
        self._work.mkdir()
        for file in work_files(self._app):
            target = self._work / "app" / file.relative_to(self._app)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(file, target)
            except OSError as error:
                reason = f"{target.relative_to(self._work)} cannot be read: {error.strerror}"
                raise CannotStart("unreadable", reason) from None

    def _put_page(self) -> None:
        """Put the page's build into the copy, made of just these sources."""
        if not has_page(self._app):
            return
        try:
            shutil.copytree(built(self._app), self._work / "app" / DIST)
        except (PageError, NoPackages) as error:
            self.page_error = error

    async def restart(self, *, patience: float = STOP_SECONDS, **settings: str) -> None:
        """Stop and start again, as `start` does. No patience: as after a power cut."""
        await self.process.stop(patience=patience)
        await self.start(**settings)

    async def stop_backend(self) -> None:
        """End the server behind, with its port: whoever asks it for something is refused at once."""
        await self.backend.stop(patience=0)
        if self._backend_socket is not None:
            self._backend_socket.close()

    async def close(self) -> None:
        """End it and remove every trace."""
        for process in (self.process, self.backend):
            await process.stop(patience=0)
        for listening in (self._socket, self._backend_socket):
            if listening is not None:
                listening.close()
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def keep_little_for_readers(self) -> None:
        """Let the system hold back only a little of what readers on new connections do not take."""
        assert self._socket is not None, "not started"
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)

    def move_clock(self, seconds: float) -> None:
        """Let so many seconds pass on the server's clock (`shared.clock`)."""
        self._ahead += seconds
        new = self._folder / "clock.new"
        new.write_text(str(self._ahead), encoding="utf-8")
        new.replace(self._folder / "clock")

    @property
    def work_done(self) -> list[tuple[str, str]]:
        """What slow work has reported through `shared.probe`: (work, phase), oldest first."""
        return [
            (fact["work"], fact["phase"])
            for fact in _lines_of_json(self._folder / "probe.jsonl")
            if {"work", "phase"} <= fact.keys()
        ]

    @property
    def audit(self) -> list[dict[str, Any]]:
        """The lines of `shared.audit`, oldest first."""
        return _lines_of_json(self._folder / "audit.jsonl")

    def audited(self, session: str) -> list[str]:
        """What the audit trail tells of one session: `created`, `resumed`, …, oldest first."""
        return [str(fact.get("event")) for fact in self.audit if fact.get("session") == session]

    @property
    def stored_bytes(self) -> int:
        """How much the database takes on the disk."""
        return sum(file.stat().st_size for file in self._folder.glob("chatkit.db*"))

    @property
    def refused_hosts(self) -> list[str]:
        """The hosts elsewhere that it tried to reach."""
        facts = [*self.process.facts(), *self.backend.facts()]
        return [fact["network"] for fact in facts if "network" in fact]

    def new_log(self) -> str:
        """What the server has printed since the last call; of very much, the end."""
        with (self._folder / "server.log").open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_seen, end - _LOG_BYTES))
            text = log.read(_LOG_BYTES)
            self._log_seen = end
        return text.decode(errors="replace").replace(f"{self._work}{os.sep}", "")


def _listen_anew(old: socket.socket | None) -> socket.socket:
    """Another port each time, so that no connection of the server before reaches the new one."""
    if old is not None:
        old.close()
    return socket.create_server(("127.0.0.1", 0), backlog=512)


def _address(listening: socket.socket) -> str:
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


def _lines_of_json(file: Path) -> list[dict[str, Any]]:
    """The objects in a file of JSON lines, as far as it is there."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    facts = []
    for line in lines:
        with suppress(ValueError):  # the student's code could write there too
            facts.append(json.loads(line))
    return [fact for fact in facts if isinstance(fact, dict)]


def student_position(log: str) -> str | None:
    """The innermost line of the student's own files in a dump of faulthandler."""
    found = re.search(r'File "(app/[^"]+)", line (\d+)(?: in (\S+))?', log)
    if not found:
        return None
    file, line, name = found.groups()
    return f"{file}, line {line}" + (f", in {name}" if name else "")


def _ending(code: int) -> str:
    if code == -signal.SIGXCPU:
        return "it used up the processor time it was given; an endless loop does that"
    if code < 0:
        return f"the system ended it with signal {signal.Signals(-code).name}"
    return f"the process ended by itself, with exit code {code}"
