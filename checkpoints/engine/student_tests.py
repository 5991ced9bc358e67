"""Runs a student's tests against servers, in a process of their own, and tells what became of them.

The tests see addresses and nothing else: not which server is a right one, in which order they come,
nor where a server's files are. `student_pytest.py` is the inside of that process.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from checkpoints.engine.identity import Identity
from checkpoints.engine.student_pytest import Spec
from checkpoints.engine.warm import ROOT, JudgeError, scrubbed_environment
from checkpoints.submission import work_files

SILENCE_SECONDS = 15.0  # so long may one test take
_START_SECONDS = 60.0  # to import pytest on a busy machine
_WHOLE_SECONDS = 180.0
_MOST = 10_000_000  # bytes that are copied of the student's folder
_READ = 1 << 20  # bytes of facts at a time


class CannotRun(Exception):
    """The tests cannot be run to their end. `kind`: unreadable, none, hang or gone."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


@dataclass(frozen=True)
class Failure:
    """The first test that failed on a server, and why."""

    test: str
    why: str
    line: int | None

    def __str__(self) -> str:
        where = f" (line {self.line})" if self.line else ""
        return f"`{self.test}`{where} failed: {self.why}"


@dataclass
class Outcome:
    """What became of the tests on one server."""

    passed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failure: Failure | None = None

    @property
    def judged(self) -> set[str]:
        """The tests that came to an end."""
        return {*self.passed, *self.skipped, *([self.failure.test] if self.failure else [])}


class Signing(Identity):
    """An issuer that signs whatever the student's tests ask for."""

    def app(self) -> Starlette:
        """The routes of every issuer, and one that signs whatever it is asked to."""

        async def sign(request: Request) -> Response:
            asked = await request.json()
            lifetime = timedelta(seconds=asked["lifetime"])
            signed = self.token(asked["user"], lifetime=lifetime, **asked["claims"])
            return JSONResponse({"access_token": signed})

        app = super().app()
        app.router.routes.append(Route("/sign", sign, methods=["POST"]))
        return app


async def run_tests(
    file: Path, endpoints: Sequence[str], issuer: Signing, *, hidden: Sequence[Path] = ()
) -> list[Outcome]:
    """Run the tests of a file on each endpoint; on each, up to the first that fails.

    Returns the outcomes in the order of `endpoints`; the tests meet them in another. `hidden` are
    folders that tests may not look into. Raises CannotRun.
    """
    order = random.sample(range(len(endpoints)), len(endpoints))
    folder = _make_folder()
    try:
        _copy(file.parent, folder / "work")
        spec = Spec(
            file=str(folder / "work" / file.name),
            servers=[endpoints[number] for number in order],
            issuer=issuer.address,
            hidden=[str(one) for one in hidden],
        )
        told = await _run(spec, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return [told[order.index(number)] for number in range(len(endpoints))]


def _make_folder() -> Path:
    """A new folder, under its real name: macOS has a link on the way to it."""
    return Path(tempfile.mkdtemp(prefix="workbook-tests-")).resolve()


def _copy(work: Path, target: Path) -> None:
    """Copy what stands beside the tests, as far as it is of a size that was written by hand."""
    left = _MOST
    for file in work_files(work):
        left -= file.stat().st_size
        if left < 0:
            raise CannotRun("unreadable", "The folder `work` is too large to be copied.")
        copy = target / file.relative_to(work)
        copy.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):  # pytest says what it misses
            shutil.copyfile(file, copy)


async def _run(spec: Spec, folder: Path) -> list[Outcome]:
    """Start the process, read what it tells, and leave nothing of it behind."""
    file = folder / "facts.jsonl"
    with file.open("ab") as facts, (folder / "errors").open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "checkpoints.engine.student_pytest", str(facts.fileno())),
            pass_fds=[facts.fileno()],
            cwd=ROOT,
            env={
                **scrubbed_environment(),
                "HOME": str(folder),
                "TMPDIR": str(folder),
                # Nobody speaks TLS here, and reading the machine's certificates takes 20 ms each time.
                "SSL_CERT_DIR": str(folder),
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            },
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,  # so that Ctrl-C, which goes to the whole group, spares it
        )
        try:
            assert process.stdin is not None
            process.stdin.write(spec.to_json().encode())
            process.stdin.close()
            return await _listen(process, file, len(spec.servers))
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _listen(process: asyncio.subprocess.Process, file: Path, servers: int) -> list[Outcome]:
    """Take in the facts until the process ends. Raises CannotRun, JudgeError."""
    now = asyncio.get_running_loop().time
    told = [Outcome() for _ in range(servers)]
    done: set[int] = set()
    begun, running = False, ""  # where it is
    began = heard = now()
    unread = b""
    with file.open("rb") as facts:
        while True:
            ended = process.returncode is not None  # before the facts: its last words come first
            piece = facts.read(_READ)
            *lines, unread = (unread + piece).split(b"\n")
            for server, fact in _facts(lines, servers):
                heard = now()
                match fact:
                    case {"begins": True}:
                        begun, running = True, ""
                    case {"broken": str(why)}:
                        raise CannotRun("unreadable", _sentence(why))
                    case {"test": str(running), "outcome": "began"}:
                        pass
                    case {"test": str(test), "outcome": "failed", "why": str(why)}:
                        line = fact.get("line")
                        told[server].failure = Failure(
                            test, _sentence(why), line if isinstance(line, int) else None
                        )
                    case {"test": str(test), "outcome": "passed"}:
                        told[server].passed.append(test)
                    case {"test": str(test), "outcome": "skipped"}:
                        told[server].skipped.append(test)
                    case {"ended": 5}:
                        raise CannotRun("none", "There is no test in it.")
                    case {"ended": int(code)}:
                        if code > 1 or running not in told[server].judged:
                            raise CannotRun("gone", f"{_during(running)}, the run was ended.")
                        done.add(server)
            if ended and not piece:
                break
            if now() - heard > (SILENCE_SECONDS if begun else _START_SECONDS):
                raise CannotRun("hang", _too_long(running, f"{SILENCE_SECONDS:.0f} seconds"))
            if now() - began > _WHOLE_SECONDS:
                minutes = f"{_WHOLE_SECONDS / 60:.0f} minutes"
                raise CannotRun("hang", f"All together they were not done after {minutes}.")
            await asyncio.sleep(0 if piece else 0.01)
    if not begun:
        words = file.with_name("errors").read_text(errors="replace").strip().splitlines()
        raise JudgeError(
            f"pytest could not be started: {words[-1] if words else process.returncode}"
        )
    if process.returncode == -signal.SIGXCPU:
        raise CannotRun("hang", _too_long(running, "a minute of processor time"))
    if len(done) < servers:
        raise CannotRun("gone", f"{_during(running)}, the process came to its end.")
    return told


def _facts(lines: Sequence[bytes], servers: int) -> list[tuple[int, dict[str, Any]]]:
    """The facts in some lines, with the server each is about. A test could write there too."""
    found = []
    for line in lines:
        with suppress(ValueError, RecursionError):
            fact = json.loads(line)
            if isinstance(fact, dict) and fact.get("server") in range(servers):
                found.append((fact["server"], fact))
    return found


def _during(test: str) -> str:
    return f"In `{test}`" if test else "While they were read"


def _too_long(test: str, limit: str) -> str:
    return f"`{test}` was not done after {limit}." if test else f"Reading it took over {limit}."


def _sentence(why: str) -> str:
    return why if why.endswith((".", "!", "?", "…")) else f"{why}."
