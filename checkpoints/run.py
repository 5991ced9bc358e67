"""`make lesson-NN`: serve a lesson's app, and serve it anew when a file is saved."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
import tempfile
import time
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from checkpoints.engine.serve import Spec
from checkpoints.engine.server import CannotStart, ServerProcess
from checkpoints.engine.warm import make_starter
from checkpoints.lesson import ANSWERS, STATE, Lesson
from checkpoints.saves import saves
from shared.models import describe_model
from shared.settings import Settings

if TYPE_CHECKING:
    from shared.issuer.process import IssuerProcess

_TAKEN = {
    errno.EADDRINUSE: "is taken: a server is running there already, perhaps this lesson in another "
    "window. Stop it, or use another port.",
    errno.EACCES: "is not for everybody: the system keeps the low ones for itself.",
}
ISSUER_PORTS = 8100  # and the lesson's number
_PATIENCE = 3.0  # seconds an old server gets to end: longer than it lets open streams go on


class PortTaken(Exception):
    """The port cannot be used. The text says why."""


def listen(port: int) -> socket.socket:
    """Open the port on this machine only. Raises PortTaken."""
    try:
        return socket.create_server(("127.0.0.1", port), backlog=512)
    except OSError as error:
        if error.errno not in _TAKEN:
            raise
        raise PortTaken(f"Port {port} {_TAKEN[error.errno]}") from None


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
    with (
        # Now, so that it starts while the SDKs are being imported.
        _issuer_of(lesson, settings) as issuer,
        tempfile.TemporaryDirectory(prefix="workbook-") as folder,
    ):
        parent = app.parent
        if app.name != "app":  # a folder with a main.py in it; the server runs app.main
            parent = Path(folder)
            Path(folder, "app").symlink_to(app)
        spec = Spec(
            folder=str(parent),
            run_folder=folder,
            environment={
                **os.environ,
                "CHATKIT_DATABASE": str(database),
                **({"CHATKIT_ISSUER": issuer.url} if issuer else {}),
                "OPENAI_AGENTS_DISABLE_TRACING": "0" if settings.tracing else "1",
            },
        )
        process = ServerProcess(starter, Path(folder))
        try:
            if console.is_terminal:
                console.print("Starting …", end="\r")
            saved = saves(app)
            serving = asyncio.run(_serve(process, spec, listening, console))
            if serving:
                sign_in = issuer.url if issuer else settings.issuer
                _banner(lesson, app, port, settings, sign_in, console)
            for again in saved:
                if issuer and issuer.ended:
                    issuer = None
                    console.print("The identity provider is gone: nobody can sign in.", style="red")
                    console.print("Ctrl-C, and the same command again, starts it anew.")
                if again:
                    began = time.perf_counter()
                    asyncio.run(process.stop(patience=_PATIENCE))
                    serving = asyncio.run(_serve(process, spec, listening, console))
                    if serving:
                        took = time.perf_counter() - began
                        console.print(f"Saved, and served again after {took:.2f} s.")
                elif serving and (ending := process.ending(within=0)):
                    serving = False
                    console.print(f"The server is gone: {ending}.", style="red")
                    console.print("Save a file, and it is started again. Ctrl-C ends.")
        except KeyboardInterrupt:
            pass
        finally:
            asyncio.run(process.stop(patience=_PATIENCE))
            starter.close()
            listening.close()
    console.print("\nStopped. What was said is kept; the next start finds it again.")


def show_recording(lesson: Lesson, port: int, console: Console) -> None:
    """Serve the page of a lesson's recorded conversation until Ctrl-C. Raises PortTaken.

    No server of a checkpoint runs, and no SDK is imported: the page is there at once.
    """
    import uvicorn
    from fastapi import FastAPI

    from shared.console import mount_recording

    listening = listen(port)
    app = FastAPI(title=f"Lesson {lesson.number} · {lesson.title}")
    mount_recording(app, lesson.recording)
    console.print(f"Lesson {lesson.number:02d} · {lesson.title}", style="bold")
    console.print("  open   ", end=" ")
    console.print(f"http://127.0.0.1:{port}/", style="bold")
    console.print(f"  read    {lesson.link('').rstrip('#')}")
    console.print(f"  write   lessons/{lesson.name}/{ANSWERS}")
    _print_things_to_try(lesson, console)
    sys.stdout.flush()
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])
    console.print("\nStopped.")


async def _serve(
    process: ServerProcess, spec: Spec, listening: socket.socket, console: Console
) -> bool:
    """Start the server; on failure say so, and leave the rest to the next save."""
    sys.stdout.flush()
    try:
        await process.start(spec, listening, sys.stdout.fileno())
    except CannotStart as error:
        console.print(f"The server did not start: {str(error).rstrip('.')}.", style="red")
        console.print("Mend it and save: it will be started again. Ctrl-C ends.")
        return False
    return True


def _issuer_of(lesson: Lesson, settings: Settings) -> AbstractContextManager[IssuerProcess | None]:
    """Start the identity provider that the lesson needs, unless the environment names another."""
    if not lesson.issuer or os.environ.get("CHATKIT_ISSUER", "").strip():
        return nullcontext()
    from shared.issuer.process import IssuerProcess  # reads the libraries that sign

    return IssuerProcess(settings.audience, port=ISSUER_PORTS + lesson.number)


def _banner(
    lesson: Lesson, app: Path, port: int, settings: Settings, sign_in: str, console: Console
) -> None:
    console.print(f"Lesson {lesson.number:02d} · {lesson.title}", style="bold")
    console.print("  open   ", end=" ")
    console.print(f"http://127.0.0.1:{port}/", style="bold")
    if lesson.issuer:
        console.print(f"  sign in {sign_in.rstrip('/')}/")
    console.print(f"  read    {lesson.link('').rstrip('#')}")
    console.print(f"  code    {_short(app)}  (save a file, and it is served anew)", soft_wrap=True)
    console.print(f"  model   {describe_model(settings)}", soft_wrap=True)
    _print_things_to_try(lesson, console)


def _print_things_to_try(lesson: Lesson, console: Console) -> None:
    console.print("  try")
    for number, thing in enumerate(lesson.things_to_try, 1):
        console.print(f"    {number}. {thing}")
    console.print("  Ctrl-C stops.")


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
