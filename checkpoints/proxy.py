"""`make proxy-NN`: a real nginx in front of a lesson's server, to see tokens bunch up, and not.

Two addresses lead to the same server. nginx may buffer and compress what it passes on, as many do
that were set up for web pages. At the first address it does, whatever the response says. At the
second it does as the response asks, and the endpoint's `X-Accel-Buffering: no` asks it not to.

Compression is what holds the words back: nginx fills its buffer before it sends any of it. Buffering
alone does not, as long as the server sends chunks (`Transfer-Encoding: chunked`): these are passed
on as they are.

nginx runs as the user who calls, as one process, in a temporary folder, on this machine only.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template

import httpx
from rich.console import Console
from rich.table import Table

from checkpoints.engine.client import user_input
from checkpoints.engine.linux import end_with_parent
from checkpoints.lesson import Lesson
from checkpoints.run import PortTaken, listen
from checkpoints.setup import nginx

QUESTION = "Count to 100."
_TOGETHER = 0.005  # seconds: what comes within so little came in one piece
_PATIENCE = 10.0  # seconds for nginx to begin and to end

_CONFIG = Template("""\
daemon off;
master_process off;
pid $folder/nginx.pid;
error_log stderr warn;
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path $folder/body;
    proxy_temp_path $folder/proxy;
    fastcgi_temp_path $folder/fastcgi;
    uwsgi_temp_path $folder/uwsgi;
    scgi_temp_path $folder/scgi;

    client_max_body_size 2m;
    proxy_http_version 1.1;
    proxy_set_header Host $$http_host;
    proxy_buffering on;
    gzip on;
    gzip_types text/event-stream;

    server {
        listen 127.0.0.1:$buffering;
        location / {
            proxy_pass http://127.0.0.1:$server;
            proxy_ignore_headers X-Accel-Buffering;
        }
    }
    server {
        listen 127.0.0.1:$passing;
        location / {
            proxy_pass http://127.0.0.1:$server;
        }
    }
}
""")


class ProxyError(Exception):
    """The proxy cannot run. The text says why, and what to do."""


@dataclass(frozen=True)
class Ports:
    """Where the lesson's server listens, and where nginx does."""

    server: int
    buffering: int
    passing: int


def run(lesson: Lesson, port: int, console: Console) -> None:
    """Serve until Ctrl-C. `port`: the lesson's server's. Raises ProxyError."""
    number = f"{lesson.number:02d}"
    if not _answers(port):
        raise ProxyError(
            f"Nothing listens on port {port}. Start the server in another window first: "
            f"make lesson-{number}"
        )
    ports = Ports(port, port + 100, port + 200)
    with nginx_in_front(ports):
        console.print(f"Lesson {number} · nginx in front of port {port}", style="bold")
        console.print(f"  buffers              http://127.0.0.1:{ports.buffering}/")
        console.print(f"  does as it is asked  http://127.0.0.1:{ports.passing}/\n")
        try:
            _compare(lesson, ports, console)
            console.print("\nOpen both and say something. Ctrl-C stops.")
            signal.pause()
        except httpx.HTTPError as error:
            raise ProxyError(
                f"The server did not answer: {str(error) or type(error).__name__}."
            ) from None
        except KeyboardInterrupt:
            console.print("\nStopped.")


@contextmanager
def nginx_in_front(ports: Ports) -> Iterator[None]:
    """Run nginx while the block runs. Raises ProxyError."""
    program = nginx.find()
    if program is None:
        raise ProxyError(f"There is no nginx on this machine. Install it: {nginx.how_to_install()}")
    for port in (ports.buffering, ports.passing):
        try:
            listen(port).close()
        except PortTaken as error:
            raise ProxyError(f"{error} nginx takes the server's port and 100, and 200.") from None
    with tempfile.TemporaryDirectory(prefix="workbook-nginx-") as folder:
        config = Path(folder, "nginx.conf")
        config.write_text(
            _CONFIG.substitute(
                folder=folder, server=ports.server, buffering=ports.buffering, passing=ports.passing
            )
        )
        said = Path(folder, "said.log")
        with said.open("wb") as output:
            process = subprocess.Popen(
                [program, "-e", "stderr", "-p", folder, "-c", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=_settle_in,
            )
        try:
            _wait_for(process, ports, said)
            yield
        finally:
            process.terminate()
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _settle_in() -> None:
    """In nginx's process, before it begins: Ctrl-C is ours, and it ends when we do."""
    os.setpgrp()
    end_with_parent()


def _wait_for(process: subprocess.Popen[bytes], ports: Ports, said: Path) -> None:
    give_up = time.monotonic() + _PATIENCE
    while not all(_answers(port) for port in (ports.buffering, ports.passing)):
        if process.poll() is not None or time.monotonic() > give_up:
            words = said.read_text(errors="replace").strip().splitlines()
            raise ProxyError(f"nginx did not start: {words[-1] if words else 'it said nothing'}")
        time.sleep(0.02)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _compare(lesson: Lesson, ports: Ports, console: Console) -> None:
    """Ask the same through both, and print in how many pieces the answer came."""
    names = {"buffers": ports.buffering, "does as it is asked": ports.passing}
    arrived = asyncio.run(_ask_all(lesson.path, list(names.values())))
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column(f"“{QUESTION}”")
    for name in ("first piece", "pieces", "longest silence"):
        table.add_column(name, justify="right")
    for name, times in zip(names, arrived, strict=True):
        gaps = [later - earlier for earlier, later in zip([0.0, *times], times, strict=False)]
        pieces = sum(gap > _TOGETHER for gap in gaps)
        table.add_row(name, f"{_ms(times[0])}", str(pieces), f"{_ms(max(gaps))}")
    console.print(table)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"


async def _ask_all(path: str, ports: list[int]) -> list[list[float]]:
    return await asyncio.gather(*(_ask(f"http://127.0.0.1:{port}{path}") for port in ports))


async def _ask(url: str) -> list[float]:
    """The seconds at which a piece of the answer's body came. The thread is deleted again."""
    body = {"type": "threads.create", "params": {"input": user_input(QUESTION)}}
    times, text = [], ""
    async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
        began = time.perf_counter()
        async with http.stream("POST", url, json=body) as response:
            response.raise_for_status()
            async for piece in response.aiter_text():
                times.append(time.perf_counter() - began)
                text += piece
        if not times:
            raise httpx.ReadError("its answer is empty")
        if created := re.search(r'"thread.created","thread":{"id":"([^"]+)"', text):
            gone = {"type": "threads.delete", "params": {"thread_id": created[1]}}
            await http.post(url, json=gone)
    return times
