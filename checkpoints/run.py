"""`make lesson-NN`: serve a lesson's app, and serve it anew when a file is saved."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import socket
import sys
import tempfile
import time
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from checkpoints.engine.serve import Spec
from checkpoints.engine.server import CannotStart, ServerProcess
from checkpoints.engine.warm import Starter, make_starter
from checkpoints.lesson import ANSWERS, STATE, Lesson
from checkpoints.live_page import LivePage
from checkpoints.page import has_page
from checkpoints.saves import saves
from checkpoints.setup import postgres
from shared.models import describe_model
from shared.settings import Settings

if TYPE_CHECKING:
    from shared.issuer.process import IssuerProcess

_TAKEN = {
    errno.EADDRINUSE: "is taken: a server is running there already, perhaps this lesson in another "
    "window. Stop it, or use another port.",
    errno.EACCES: "is not for everybody: the system keeps the low ones for itself.",
}
WITH_OWNERS = 6  # the first lesson whose rows have owners, and which may keep them in Postgres
ISSUER_PORTS = 8100  # and the lesson's number
_PATIENCE = 3.0  # seconds an old server gets to end: longer than it lets open streams go on


class PortTaken(Exception):
    """The port cannot be used. The text says why."""


@dataclass(frozen=True)
class Served:
    """A server process, what it is to serve, and where."""

    process: ServerProcess
    spec: Spec
    listening: socket.socket


def listen(port: int) -> socket.socket:
    """Open the port on this machine only. Raises PortTaken."""
    try:
        return socket.create_server(("127.0.0.1", port), backlog=512)
    except OSError as error:
        if error.errno not in _TAKEN:
            raise
        raise PortTaken(f"Port {port} {_TAKEN[error.errno]}") from None


def database_of(lesson: Lesson, from_: str | None = None) -> Path:
    """The SQLite file of `make lesson-NN`, unless the environment names another.

    Lesson 6 changes the tables as it goes on, so there work from elsewhere (`FROM=`) has a file of
    its own.
    """
    if named := os.environ.get("CHATKIT_DATABASE"):
        return Path(named).absolute()
    own = lesson.number < WITH_OWNERS or from_ in (None, "mine")
    name = lesson.name if own else f"{lesson.name}.{str(from_).removeprefix('mistake:')}"
    return STATE / "data" / f"{name}.db"


def run(lesson: Lesson, app: Path, port: int, database: Path, console: Console) -> None:
    """Serve until Ctrl-C, storing in `database`. Raises PortTaken, SettingsError."""
    settings = Settings.from_environment()
    listening = listen(port)
    starter = make_starter()
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
                "NO_PROXY": _without_proxy("NO_PROXY"),
                "no_proxy": _without_proxy("no_proxy"),
                "CHATKIT_DATABASE": str(database),
                **({"CHATKIT_ISSUER": issuer.url} if issuer else {}),
                "OPENAI_AGENTS_DISABLE_TRACING": "0" if settings.tracing else "1",
            },
        )
        servers = [Served(ServerProcess(starter, Path(folder)), spec, listening)]
        page = LivePage(app, port, console) if has_page(app) else None
        if page and settings.auth_mode == "bff" and not os.environ.get("CHATKIT_BACKEND"):
            servers = _with_backend(servers[0], starter)
        try:
            if console.is_terminal:
                console.print("Starting …", end="\r")
            saved = saves(app)
            if page:
                page.begin()
            serving = asyncio.run(_serve(servers, console))
            if serving:
                sign_in = issuer.url if issuer else settings.issuer
                _banner(lesson, app, port, settings, sign_in, console)
            for again in saved:
                if page:
                    again = page.take(again)
                    page.look()
                if issuer and issuer.ended:
                    issuer = None
                    console.print("The identity provider is gone: nobody can sign in.", style="red")
                    console.print("Ctrl-C, and the same command again, starts it anew.")
                if again:
                    began = time.perf_counter()
                    asyncio.run(_stop(servers))
                    serving = asyncio.run(_serve(servers, console))
                    if serving:
                        took = time.perf_counter() - began
                        console.print(f"Saved, and served again after {took:.2f} s.")
                elif serving and (ending := _ending(servers)):
                    serving = False
                    console.print(f"The server is gone: {ending}.", style="red")
                    console.print("Save a file, and it is started again. Ctrl-C ends.")
        except KeyboardInterrupt:
            pass
        finally:
            if page:
                page.close()
            asyncio.run(_stop(servers))
            starter.close()
            for one in servers:
                one.listening.close()
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


def _with_backend(front: Served, starter: Starter) -> list[Served]:
    """Put a server behind a backend-for-frontend: the same code again, which believes tokens only."""
    run_folder = Path(front.spec.run_folder, "backend")
    run_folder.mkdir()
    listening = listen(0)
    ours = front.spec.environment
    spec = replace(
        front.spec, run_folder=str(run_folder), environment={**ours, "AUTH_MODE": "bearer"}
    )
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    front = replace(
        front, spec=replace(front.spec, environment={**ours, "CHATKIT_BACKEND": address})
    )
    return [Served(ServerProcess(starter, run_folder), spec, listening), front]


async def _stop(servers: list[Served]) -> None:
    """Stop all. Whoever answers people first, so that nobody is told of a backend that is gone."""
    for one in reversed(servers):
        await one.process.stop(patience=_PATIENCE)


def _ending(servers: list[Served]) -> str | None:
    """How one of them came to its end; None where all run."""
    return next(filter(None, (one.process.ending(within=0) for one in servers)), None)


async def _serve(servers: list[Served], console: Console) -> bool:
    """Start the servers; on failure say so, and leave the rest to the next save."""
    sys.stdout.flush()
    try:
        for one in servers:
            await one.process.start(one.spec, one.listening, sys.stdout.fileno())
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


def _without_proxy(name: str) -> str:
    """The hosts that no proxy is asked for, this machine among them: the issuer and the backend."""
    return ",".join(filter(None, [os.environ.get(name), "127.0.0.1,localhost"]))


def _banner(
    lesson: Lesson, app: Path, port: int, settings: Settings, sign_in: str, console: Console
) -> None:
    console.print(f"Lesson {lesson.number:02d} · {lesson.title}", style="bold")
    console.print("  open   ", end=" ")
    console.print(f"http://127.0.0.1:{port}/", style="bold")
    if has_page(app):
        console.print(f"  page    http://127.0.0.1:{port}/app/  (AUTH_MODE={settings.auth_mode})")
    if lesson.issuer:
        console.print(f"  sign in {sign_in.rstrip('/')}/")
        usual = f":{ISSUER_PORTS + lesson.number}"
        if not sign_in.rstrip("/").endswith(usual):
            console.print(f"          (where the lesson's text says {usual}, write this address)")
    console.print(f"  read    {lesson.link('').rstrip('#')}")
    console.print(f"  code    {_short(app)}  (save a file, and it is served anew)", soft_wrap=True)
    console.print(f"  model   {describe_model(settings)}", soft_wrap=True)
    if settings.database_url and lesson.issuer:
        psql = shutil.which("psql") or str((postgres.find() or Path()) / "psql")
        console.print(f"  look    {psql} '{settings.database_url}'", soft_wrap=True)
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
