"""What a judged server's process does before the first request, and when it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from checkpoints.engine.asgi import Server
from checkpoints.engine.warm import ROOT, scrubbed_environment


class App:
    """Streams one word, and the next when it is allowed."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.said: list[str] = []
        self.app = Starlette(routes=[Route("/", self._answer)], lifespan=self._lifespan)

    @asynccontextmanager
    async def _lifespan(self, _: Any) -> AsyncIterator[None]:
        yield
        self.said.append("closed")

    async def _answer(self, _: Request) -> StreamingResponse:
        return StreamingResponse(self._words())

    async def _words(self) -> AsyncIterator[str]:
        yield "one "
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.said.append("cut")
            raise
        self.said.append("whole")
        yield "two"


@asynccontextmanager
async def running(
    app: App, patience: int
) -> AsyncIterator[tuple[Server, asyncio.Task[None], asyncio.StreamReader]]:
    """A server with one open stream, and the stream, read up to its first word."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    serving = asyncio.Event()
    config = uvicorn.Config(
        app.app, log_level="critical", lifespan="on", timeout_graceful_shutdown=patience
    )
    server = Server(config, on_serving=serving.set)
    # `_serve` is what `serve` does but for the signals, which belong to pytest here.
    task = asyncio.create_task(server._serve(sockets=[listening]))
    await serving.wait()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    await reader.readuntil(b"one ")
    # An idle connection is there too, as a client keeps one.
    _, idle = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield server, task, reader
    finally:
        writer.close()
        idle.close()
        await task


async def test_an_open_stream_may_end_before_the_lifespan_does() -> None:
    app = App()
    async with running(app, patience=30) as (server, task, reader):
        server.handle_exit(signal.SIGTERM, None)
        await asyncio.sleep(0)
        app.go_on.set()
        assert b"two" in await reader.read()
        await task
    assert app.said == ["whole", "closed"]


async def test_a_stream_that_goes_on_is_cut_and_the_lifespan_ends_in_order() -> None:
    app = App()
    async with running(app, patience=0) as (server, task, reader):
        server.handle_exit(signal.SIGTERM, None)
        assert b"two" not in await reader.read()
        await task
    assert sorted(app.said) == ["closed", "cut"]


async def test_no_timer_stands_between_the_signal_and_the_end() -> None:
    """With nothing open, the server's end waits for nothing but what is ready to run."""
    listening = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.Event()
    server = Server(uvicorn.Config(App().app, log_level="critical"), on_serving=serving.set)
    task = asyncio.create_task(server._serve(sockets=[listening]))
    await serving.wait()
    for _ in range(100):  # into `main_loop`, and out of it again: a timer takes many more turns
        await asyncio.sleep(0)
        server.handle_exit(signal.SIGTERM, None)
    assert task.done()
    await task


LOOK = """
import asyncio, sys, threading
from checkpoints.engine import serve
serve.preload()
import chatkit.agents, chatkit.server
from chatkit.server import ChatKitServer
before = set(sys.modules)
from checkpoints.engine.practice import practise
asyncio.run(practise())
print(threading.active_count(), sorted(set(sys.modules) - before),
    chatkit.server.TypeAdapter.__name__, ChatKitServer._serialize.__module__,
    chatkit.agents._merge_generators.__module__)
"""


def test_practice_leaves_no_thread_behind_and_adjusts_nothing() -> None:
    """A thread would not survive the fork, and an app may want to leave levers out."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOOK],
        cwd=ROOT,
        env={**scrubbed_environment(), "HOME": os.devnull},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["1", "[]", "TypeAdapter", "chatkit.server", "chatkit.agents"]
