"""`make lesson-NN`: serve a lesson's app, and serve it anew when a file is saved."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
import tempfile
import time
from pathlib import Path

import watchfiles
from rich.console import Console

from checkpoints.engine.serve import Spec
from checkpoints.engine.server import CannotStart, ServerProcess
from checkpoints.engine.warm import make_starter
from checkpoints.lesson import STATE, Lesson
from shared.models import describe_model
from shared.settings import Settings

_PATIENCE = 1.0  # seconds an old server gets to end: an open stream would keep it for ever


class PortTaken(Exception):
    """Somebody listens there already."""


def listen(port: int) -> socket.socket:
    """Open the port on this machine only. Raises PortTaken."""
    try:
        return socket.create_server(("127.0.0.1", port), backlog=512)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise PortTaken(port) from None


def database_of(lesson: Lesson) -> Path:
    """The SQLite file of `make lesson-NN`, unless the environment names another."""
    named = os.environ.get("CHATKIT_DATABASE")
    return Path(named).absolute() if named else STATE / "data" / f"{lesson.name}.db"


def run(lesson: Lesson, app: Path, port: int, console: Console) -> None:
    """Serve until Ctrl-C. Raises PortTaken, SettingsError."""
    settings = Settings.from_environment()
    listening = listen(port)
    starter = make_starter()
    database = database_of(lesson)
    database.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="workbook-") as folder:
        spec = Spec(
            folder=str(app.parent),
            run_folder=folder,
            environment={
                **os.environ,
                "CHATKIT_DATABASE": str(database),
                "OPENAI_AGENTS_DISABLE_TRACING": "0" if settings.tracing else "1",
            },
        )
        process = ServerProcess(starter, Path(folder))
        try:
            if console.is_terminal:
                console.print("Starting …", end="\r")
            if asyncio.run(_serve(process, spec, listening, console)):
                _banner(lesson, app, port, settings, console)
            for _ in watchfiles.watch(app, raise_interrupt=False):
                began = time.perf_counter()
                asyncio.run(process.stop(patience=_PATIENCE))
                if asyncio.run(_serve(process, spec, listening, console)):
                    console.print(
                        f"Saved, and served again after {time.perf_counter() - began:.2f} s."
                    )
        except KeyboardInterrupt:
            pass
        finally:
            asyncio.run(process.stop(patience=_PATIENCE))
            starter.close()
            listening.close()
    console.print("\nStopped. What was said is kept; the next start finds it again.")


async def _serve(
    process: ServerProcess, spec: Spec, listening: socket.socket, console: Console
) -> bool:
    """Start the server; on failure say so, and leave the rest to the next save."""
    sys.stdout.flush()
    try:
        await process.start(spec, listening, sys.stdout.fileno())
    except CannotStart as error:
        console.print(f"The server did not start: {error}.", style="red", highlight=False)
        console.print("Mend it and save: it will be started again. Ctrl-C ends.")
        return False
    return True


def _banner(lesson: Lesson, app: Path, port: int, settings: Settings, console: Console) -> None:
    console.print(f"[bold]Lesson {lesson.number:02d} · {lesson.title}[/bold]")
    console.print(f"  open    [bold]http://127.0.0.1:{port}/[/bold]")
    console.print(f"  read    {lesson.link('').rstrip('#')}", highlight=False)
    console.print(f"  code    {_short(app)}  (save a file, and it is served anew)", highlight=False)
    console.print(f"  model   {describe_model(settings)}", highlight=False)
    console.print("  try")
    for number, thing in enumerate(lesson.things_to_try, 1):
        console.print(f"    {number}. {thing}", highlight=False, markup=False)
    console.print("  Ctrl-C stops.")


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
