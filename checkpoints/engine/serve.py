"""The inside of a server process: import a student's `app.main`, serve it, say what happens.

Runs in a process of its own, forked from `zygote.py` or fresh (`python -m checkpoints.engine.serve
SPEC SOCKET`). It reports its life in one file, a JSON object a line, which `server.py` reads outside.
Nothing of the checks is in this process.
"""

from __future__ import annotations

import asyncio
import faulthandler
import importlib
import json
import os
import resource
import signal
import socket
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from checkpoints.engine.guard import guard
from checkpoints.engine.linux import end_with_parent

IMPORT_CPU_SECONDS = 5
"""For `app.main` alone: the SDKs are imported by then, and what is left takes a tenth of one."""
GRACE_SECONDS = 1
"""So long may open streams go on when the server is told to stop."""
_MEMORY = 4 << 30  # bytes of address space: many times what a lesson needs
_FILE = 100 << 20  # bytes in one file, and so in the log of what is printed
_LONGEST = 500  # characters of an error's message

# What lessons import. Heavy ones first; shared modules must not read the environment on import.
PRELOAD = (
    "agents",
    "chatkit.agents",
    "chatkit.server",
    "fastapi",
    "uvicorn",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
    "uvicorn.lifespan.on",
    "uvicorn.loops.asyncio",
    "uvicorn.loops.auto",
    "aiosqlite",
    "anyio._backends._asyncio",
    "openai.resources.chat",
    "openai.resources.responses",
    "jwt",
    "checkpoints.engine.asgi",
    "shared.endpoint",
    "shared.models.offline",
    "shared.models.compatible",
    "shared.store",
    "shared.task_manager",
    "shared.console",
)


@dataclass(frozen=True)
class Spec:
    """What to serve, and within which bounds."""

    folder: str  # holds the package `app`; becomes the working directory
    run_folder: str  # holds status.jsonl
    environment: dict[str, str]
    cpu_seconds: int = 0  # 0: no limits, as for `make lesson-NN`
    guarded: bool = False  # by `guard.py`

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Spec:
        return cls(**json.loads(text))


class Status:
    """Appends to the status file. Each line is one fact: `{"phase": "serving"}`."""

    def __init__(self, run_folder: str) -> None:
        self._descriptor = os.open(
            Path(run_folder, "status.jsonl"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600
        )

    def say(self, **fact: Any) -> None:
        os.write(self._descriptor, json.dumps(fact).encode() + b"\n")


def serve(spec: Spec, listening: int, output: int) -> None:
    """Serve until told to stop, on an inherited socket. Both numbers are file descriptors.

    Ends the process; never returns to the caller's code.
    """
    status = Status(spec.run_folder)
    code = 1
    end_with_parent()
    try:
        _settle_in(spec, status, output)
        status.say(phase="importing")
        if spec.cpu_seconds:
            _limit_cpu(IMPORT_CPU_SECONDS)
        app = _import_app(spec)
        if spec.cpu_seconds:
            _limit_cpu(spec.cpu_seconds)
        code = _run(app, spec, status, listening)
    except SystemExit as error:
        status.say(
            phase="failed",
            kind="exit",
            message=f"it ended itself, as sys.exit({error.code!r}) does",
        )
    except NoApp as error:
        status.say(phase="failed", kind="app", message=str(error))
    except BaseException as error:
        status.say(
            phase="failed",
            kind="syntax" if isinstance(error, SyntaxError) else "import",
            message=f"{type(error).__name__}: {error}"[:_LONGEST],
        )
        traceback.print_exc()
    finally:
        with suppress(Exception):  # nobody knows what stands in their place by now
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)  # no exit handlers of the parent, no waiting for stray threads


def _settle_in(spec: Spec, status: Status, output: int) -> None:
    """Give this process its own group, output, limits, environment and import path."""
    if os.getpgrp() != os.getpid():  # `warm.Fresh` starts it as a leader already
        os.setsid()
    os.umask(0o077)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    sys.stdout, sys.stderr = (
        open(number, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        for number in (1, 2)
    )
    faulthandler.enable(file=2)
    # `server.py` asks with this signal where a hanging process stands.
    faulthandler.register(signal.SIGUSR1, file=2, all_threads=False)
    # The kernel sends this one when the processor time is used up; then the process ends.
    faulthandler.register(signal.SIGXCPU, file=2, all_threads=False, chain=True)
    if spec.cpu_seconds:
        _limit(resource.RLIMIT_AS, _MEMORY)
        _limit(resource.RLIMIT_CORE, 0)
        _limit(resource.RLIMIT_FSIZE, _FILE)
    if spec.guarded:
        guard(lambda host: status.say(network=host))
    os.environ.clear()
    os.environ.update(spec.environment)
    time.tzset()  # the time zone may be another one now
    os.chdir(spec.folder)
    sys.path.insert(0, spec.folder)
    sys.dont_write_bytecode = True
    sys.argv = ["app.main"]


def _limit(kind: int, most: int) -> None:
    """Set a soft limit. What the platform does not know it refuses (macOS: address space)."""
    with suppress(ValueError, OSError):
        resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))


def _limit_cpu(seconds: int) -> None:
    """Let this process use so many seconds of processor time from now on."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + 1 + seconds)


class NoApp(Exception):
    """`app/main.py` was imported and holds no application."""


def _import_app(spec: Spec) -> Any:
    module = importlib.import_module("app.main")
    app = getattr(module, "app", None)
    if app is None:
        raise NoApp("app/main.py defines no `app`")
    if not callable(app):
        raise NoApp(f"`app` in app/main.py is of type {type(app).__name__}, no application")
    return app


def _run(app: Any, spec: Spec, status: Status, listening: int) -> int:
    """Serve with uvicorn until SIGTERM. Returns the exit code."""
    import uvicorn

    from checkpoints.engine.asgi import Server

    config = uvicorn.Config(
        app,
        log_level="warning",
        timeout_keep_alive=60,
        # A stream may go on for ever: after this it is cut, and the lifespan ends in order.
        timeout_graceful_shutdown=GRACE_SECONDS,
        # The audit hook sees Python's sockets, not uvloop's.
        loop="asyncio" if spec.guarded else "auto",
    )
    # uvicorn raises SIGTERM again after it has shut down in good order.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        server = Server(config, on_serving=lambda: status.say(phase="serving"))
        server.run(sockets=[socket.socket(fileno=listening)])
    except SystemExit:
        status.say(phase="failed", kind="startup", message="the application's start-up failed")
        return 3
    return 0


def preload() -> None:
    """Import what lessons import, and answer a first message: later ones cost a tenth of it."""
    os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "1"  # its thread would not survive a fork
    for name in PRELOAD:
        importlib.import_module(name)
    from checkpoints.engine.practice import practise

    asyncio.run(practise())


def main() -> None:
    """Serve in a fresh interpreter. What happens before `serve` is not the student's doing."""
    spec = Spec.from_json(Path(sys.argv[1]).read_text(encoding="utf-8"))
    try:
        preload()
    except Exception as error:
        Status(spec.run_folder).say(phase="unfit", message=f"{type(error).__name__}: {error}")
        sys.exit(1)
    serve(spec, listening=int(sys.argv[2]), output=1)


if __name__ == "__main__":
    main()
