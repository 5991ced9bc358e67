"""A real nginx between a server and its reader: what it holds back, what it passes on, how it ends."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from checkpoints.proxy import Ports, ProxyError, nginx_in_front
from checkpoints.run import PortTaken, listen
from checkpoints.setup import nginx
from shared.endpoint import EventStream
from tests.engine.clone import Clone, finish, survivors
from tests.page.server import create_app
from tests.shared.serving import serving

pytestmark = pytest.mark.slow

PATIENCE = 30  # seconds, after which a test gives up
DELTAS = 40

Frames = asyncio.Queue[bytes | None]


class Source:
    """A server that sends a frame when a test gives it one, by the workbook's own response."""

    def __init__(self) -> None:
        self.streams: dict[str, Frames] = {}
        self.left: dict[str, asyncio.Event] = {}
        self.app = FastAPI()
        self.app.add_api_route("/ping", lambda: PlainTextResponse("pong"))
        self.app.add_route("/stream/{name}", self._stream)

    async def _stream(self, request: Request) -> EventStream:
        name = request.path_params["name"]
        frames: Frames = asyncio.Queue()
        self.streams[name], self.left[name] = frames, asyncio.Event()

        async def events() -> AsyncIterator[bytes]:
            try:
                while (frame := await frames.get()) is not None:
                    yield frame
                    frames.task_done()  # it has been handed to the network by now
            finally:
                self.left[name].set()

        return EventStream(b"", events(), heartbeat_seconds=PATIENCE)

    async def asked_for(self, name: str) -> Frames:
        while name not in self.streams:  # noqa: ASYNC110 - it may be asked for at any time
            await asyncio.sleep(0.005)
        return self.streams[name]


class Reader:
    """Somebody who reads a stream through nginx, and counts the pieces in which it comes."""

    def __init__(self, url: str) -> None:
        self.pieces: list[str] = []
        self._news = asyncio.Event()
        self.task = asyncio.create_task(self._read(url))

    async def _read(self, url: str) -> None:
        async with (
            httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as http,
            http.stream("GET", url) as response,
        ):
            async for piece in response.aiter_text():
                if piece:
                    self.pieces.append(piece)
                    self._news.set()

    async def has(self, text: str) -> None:
        while text not in "".join(self.pieces):
            await self._news.wait()
            self._news.clear()


def free_ports(server: int) -> Ports:
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as one,
        closing(socket.create_server(("127.0.0.1", 0))) as other,
    ):
        return Ports(server, one.getsockname()[1], other.getsockname()[1])


@asynccontextmanager
async def proxied() -> AsyncIterator[tuple[Source, Ports]]:
    source = Source()
    async with serving(source.app) as direct:
        ports = free_ports(direct.base_url.port or 0)
        with nginx_in_front(ports):
            yield source, ports


def frame(number: int) -> bytes:
    return b'data: {"type":"thread.item.updated","delta":"word %d "}\n\n' % number


async def test_one_address_holds_the_words_back_and_the_other_passes_each_on() -> None:
    """In lock-step: a word is given when the one before has come through the address that passes.

    After each, something goes all the way through the other address: nginx is one process, and has
    done by then what it would do with the word.
    """
    async with asyncio.timeout(PATIENCE), proxied() as (source, ports):
        held = Reader(f"http://127.0.0.1:{ports.buffering}/stream/held")
        passed = Reader(f"http://127.0.0.1:{ports.passing}/stream/passed")
        streams = [await source.asked_for(name) for name in ("held", "passed")]
        async with httpx.AsyncClient(trust_env=False) as http:
            for number in range(DELTAS):
                for stream in streams:
                    stream.put_nowait(frame(number))
                    await stream.join()
                await passed.has(f"word {number} ")
                await http.get(f"http://127.0.0.1:{ports.buffering}/ping")
                assert held.pieces == [], "A word came through the address that buffers."
        for stream in streams:
            stream.put_nowait(None)
        await asyncio.gather(held.task, passed.task)
        whole = "".join(frame(number).decode() for number in range(DELTAS))
        assert "".join(held.pieces) == "".join(passed.pieces) == whole
        assert len(held.pieces) <= 3 < DELTAS <= len(passed.pieces)


@pytest.mark.parametrize("address", ["buffering", "passing"])
async def test_who_leaves_is_gone_for_the_server_too(address: str) -> None:
    async with asyncio.timeout(PATIENCE), proxied() as (source, ports):
        reader = Reader(f"http://127.0.0.1:{getattr(ports, address)}/stream/x")
        stream = await source.asked_for("x")
        stream.put_nowait(frame(0))
        await stream.join()
        assert not source.left["x"].is_set()
        reader.task.cancel()
        await source.left["x"].wait()


async def test_the_header_is_for_nginx_and_ends_there() -> None:
    async with asyncio.timeout(PATIENCE), proxied() as (source, ports):
        for port in (ports.server, ports.passing):
            async with (
                httpx.AsyncClient(trust_env=False) as http,
                http.stream("GET", f"http://127.0.0.1:{port}/stream/{port}") as response,
            ):
                stream = await source.asked_for(str(port))
                stream.put_nowait(None)
                await response.aread()
                named = response.headers.get("x-accel-buffering")
                assert named == ("no" if port == ports.server else None)


def test_nginx_ends_with_the_block_and_leaves_nothing(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("tmp")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    ports = free_ports(1)
    with nginx_in_front(ports):
        assert httpx.get(f"http://127.0.0.1:{ports.passing}/", trust_env=False).status_code == 502
        assert list(folder.iterdir())
    assert not list(folder.iterdir())
    for port in (ports.buffering, ports.passing):
        socket.create_server(("127.0.0.1", port)).close()


def test_what_is_in_the_way_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    ports = free_ports(1)
    with socket.create_server(("127.0.0.1", ports.passing)):
        taken = pytest.raises(ProxyError, match=f"Port {ports.passing} is taken")
        with taken, nginx_in_front(ports):
            pass
    monkeypatch.setattr(nginx, "find", lambda: None)
    missing = pytest.raises(ProxyError, match=r"There is no nginx on this machine. Install it: \w+")
    with missing, nginx_in_front(ports):
        pass


def test_without_a_server_the_command_says_which_to_start(clone: Clone) -> None:
    port = free_ports(1).passing
    result = clone.run("proxy", "02", PORT=str(port))
    assert result.status == 2
    assert "in another window first: make lesson-02" in result.err


@asynccontextmanager
async def with_free_neighbours(app: FastAPI) -> AsyncIterator[int]:
    """Serve on a port whose neighbours, which nginx takes, are free. Yields the port."""
    async with AsyncExitStack() as stack:
        while True:
            direct = await stack.enter_async_context(serving(app))
            port = direct.base_url.port or 0
            with suppress(PortTaken, OverflowError):
                for neighbour in (port + 100, port + 200):
                    listen(neighbour).close()
                break
        yield port


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_the_command_shows_both_and_ends_whatever_ends_it(
    end: signal.Signals, clone: Clone, tmp_path: Path
) -> None:
    app, _ = create_app()
    async with with_free_neighbours(app) as port:
        process = clone.start(
            "proxy", "02", PORT=str(port), TMPDIR=str(tmp_path), PYTHONUNBUFFERED="1"
        )
        assert process.stdout
        printed = ""
        while "Ctrl-C stops" not in printed:
            line = await asyncio.to_thread(process.stdout.readline)
            assert line, printed
            printed += line
        process.send_signal(end)
        result = await asyncio.to_thread(finish, process)
        assert result.status == (-end if end == signal.SIGKILL else 0), result
        for words in (
            f"http://127.0.0.1:{port + 100}/",
            f"http://127.0.0.1:{port + 200}/",
            "pieces",
        ):
            assert words in printed
        async with asyncio.timeout(PATIENCE):
            while survivors(tmp_path):  # noqa: ASYNC110 - nginx, which the system ends after a SIGKILL
                await asyncio.sleep(0.01)
