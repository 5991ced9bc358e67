"""The Next.js example of lesson 7, built and running, and a backend that waits for the test."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from checkpoints.lesson import CHECKPOINTS
from checkpoints.setup import node

EXAMPLE = CHECKPOINTS / "L07" / "next"
SECONDS = 120  # for a build or a start, on a machine that has much else to do


def build() -> Path:
    """The example beside its packages, built. Returns the folder."""
    place = node.packages(EXAMPLE)
    shutil.copytree(EXAMPLE, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".next*"))
    done = subprocess.run(
        _command(place, "build"),
        cwd=place,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return place


@contextmanager
def running(place: Path, **environment: str) -> Iterator[str]:
    """`next start` on a port of its own; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    process = subprocess.Popen(
        [*_command(place, "start"), "-H", "127.0.0.1", "-p", str(port)],
        cwd=place,
        env=_environment() | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout
        said = []
        for line in process.stdout:
            said.append(line)
            if "Ready" in line:
                break
        else:
            raise AssertionError("".join(said))
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _command(place: Path, verb: str) -> list[str]:
    found = node.find()
    assert found, "node.packages() has found one, or got one"
    return [found.node, str(place / "node_modules" / "next" / "dist" / "bin" / "next"), verb]


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "NEXT_TELEMETRY_DISABLED": "1"}


@dataclass
class Backend:
    """A server behind the example, and its issuer. It says the next word when it is told to."""

    tokens: list[str | None] = field(default_factory=list)  # as they came
    next_word: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    hung_up: threading.Event = field(default_factory=threading.Event)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/chatkit")
        async def chatkit(request: Request) -> Response:
            self.tokens.append(request.headers.get("authorization"))
            body = await request.json()
            if self.tokens[-1] != "Bearer good":
                return JSONResponse(
                    {"detail": "Sign in again."}, 401, {"WWW-Authenticate": "Bearer"}
                )
            if body["type"] != "threads.create":
                return JSONResponse(body)
            return StreamingResponse(self._words(), media_type="text/event-stream")

        @app.post("/token")
        async def token(request: Request) -> Response:
            wanted = json.loads(await request.body())["user"]
            if wanted not in ("good", "old"):
                return JSONResponse({"detail": "unknown"}, 404)
            return JSONResponse({"access_token": wanted, "expires_in": 60})

        return app

    async def _words(self) -> AsyncIterator[str]:
        try:
            for number in range(100):
                while not self.next_word.acquire(blocking=False):  # noqa: ASYNC110 - of a thread
                    await asyncio.sleep(0.01)
                yield f"data: {number}\n\n"
        except asyncio.CancelledError:
            self.hung_up.set()
            raise


@contextmanager
def signed_in(address: str, user: str) -> Iterator[httpx.Client]:
    """A browser's client with the cookie."""
    with httpx.Client(base_url=address, timeout=SECONDS, trust_env=False) as client:
        client.headers["Origin"] = address
        assert client.post("/api/login", json={"user": user}).status_code == 204
        yield client
