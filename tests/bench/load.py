"""The people at the server: requests over plain sockets, in a process of its own.

An HTTP client library costs more than the server that is measured here. `python -m tests.bench.load`
reads one JSON object a line, a `Crowd`, and answers each with a `Seen`. It goes to this machine only.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

MOST_PEOPLE = 200
SECONDS = 60.0  # for one crowd; then it counts as failed


@dataclass(frozen=True)
class Crowd:
    """So many people who each ask the same in a new thread, all at once, `times` times over."""

    port: int
    text: str
    people: int = 1
    times: int = 1


@dataclass(frozen=True)
class Seen:
    """What came back. Times are in seconds."""

    first: list[float]  # from connecting to the first text delta, for each request
    seconds: float  # for all of it
    events: dict[str, int]  # how often each kind of event came


class LoadError(Exception):
    """A server did not answer as it should, so there is nothing to measure."""


def main() -> None:
    gc.disable()  # a pause here would look like one of the server's
    for line in sys.stdin:
        try:
            answer = asdict(asyncio.run(meet(Crowd(**json.loads(line)))))
        except (LoadError, OSError, TimeoutError) as error:
            answer = {"problem": str(error) or type(error).__name__}
        print(json.dumps(answer), flush=True)
        gc.collect()


async def meet(crowd: Crowd) -> Seen:
    """Send the crowd to the server. Raises LoadError, OSError, TimeoutError."""
    if crowd.people > MOST_PEOPLE:
        raise LoadError(f"{crowd.people} people are too many; {MOST_PEOPLE} are the most.")
    loop = asyncio.get_running_loop()
    request = _request(crowd.text)
    people: list[_Person] = []
    began = loop.time()
    async with asyncio.timeout(SECONDS):
        for _ in range(crowd.times):
            at_once = [_Person(request, loop) for _ in range(crowd.people)]
            people += at_once
            await asyncio.gather(*(person.ask(crowd.port) for person in at_once))
    seconds = loop.time() - began
    events: Counter[str] = Counter()
    for person in people:
        events.update(person.kinds())
    return Seen([person.first - person.began for person in people], seconds, dict(events))


class _Person(asyncio.Protocol):
    """One request on one connection. While it runs only bytes are kept; they are read afterwards."""

    def __init__(self, request: bytes, loop: asyncio.AbstractEventLoop) -> None:
        self._request = request
        self._now = loop.time
        self._received = bytearray()
        self.began = loop.time()
        self.first = 0.0
        self._served: asyncio.Future[None] = loop.create_future()

    async def ask(self, port: int) -> None:
        """Connect, send the request and wait for the end of the answer."""
        await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", port)
        await self._served

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self.first and b"text_delta" in self._received:
            self.first = self._now()
        if self._received.endswith(b"\r\n0\r\n\r\n"):
            self._transport.close()
            self._end()

    def connection_lost(self, error: Exception | None) -> None:
        self._end()

    def _end(self) -> None:
        if not self._served.done():
            self._served.set_result(None)

    def kinds(self) -> list[str]:
        """The kinds of the events, in order. Raises LoadError."""
        head, _, body = bytes(self._received).partition(b"\r\n\r\n")
        status = head.partition(b"\r\n")[0].decode()
        if " 200 " not in f"{status} ":
            raise LoadError(f"the server answered {status or 'nothing'}")
        if not body.endswith(b"0\r\n\r\n") or not self.first:
            raise LoadError("the server's answer broke off")
        frames = _whole(body).decode().split("\n\n")[:-1]
        return [_kind(json.loads(frame.removeprefix("data: "))) for frame in frames]


def _request(text: str) -> bytes:
    question = {
        "content": [{"type": "input_text", "text": text}],
        "attachments": [],
        "inference_options": {},
    }
    body = json.dumps({"type": "threads.create", "params": {"input": question}}).encode()
    return (
        b"POST /chatkit HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    )


def _whole(chunked: bytes) -> bytes:
    """Undo the chunked transfer encoding."""
    pieces: list[bytes] = []
    at = 0
    while True:
        line_end = chunked.index(b"\r\n", at)
        size = int(chunked[at:line_end], 16)
        if not size:
            return b"".join(pieces)
        pieces.append(chunked[line_end + 2 : line_end + 2 + size])
        at = line_end + 2 + size + 2


def _kind(event: dict[str, Any]) -> str:
    kind: str = event["type"]
    if "update" in event:
        kind += f" {event['update']['type']}"
    elif "item" in event:
        kind += f" {event['item']['type']}"
    return kind


if __name__ == "__main__":
    main()
