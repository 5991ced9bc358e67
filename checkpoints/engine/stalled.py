"""A reader who stops reading: a socket of our own, for HTTP clients always read on."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from checkpoints.engine.client import ChatKit
from checkpoints.engine.verdict import Failed

_RECEIVE_BUFFER = 4 << 10  # bytes
_PATIENCE_SECONDS = 10.0


@asynccontextmanager
async def stalled_reader(
    person: ChatKit, text: str, thread: str, enough: str
) -> AsyncIterator[None]:
    """Send a message, read until this word of the answer has come, and then read no more.

    Leaving closes the connection. Raises Failed where the word does not come.
    """
    where = urlsplit(person.url)
    content = json.dumps(person.message(text, thread)).encode()
    head = [
        f"POST {where.path} HTTP/1.1",
        f"Host: {where.netloc}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        *(f"{name}: {value}" for name, value in person.headers.items()),
    ]
    loop = asyncio.get_running_loop()
    with socket.socket() as connection:
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        received = b""
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await loop.sock_connect(connection, (where.hostname, where.port))
                await loop.sock_sendall(connection, "\r\n".join([*head, "", ""]).encode() + content)
                while enough.encode() not in received:
                    piece = await loop.sock_recv(connection, 1024)
                    if not piece:
                        break
                    received += piece
        if enough.encode() not in received:
            raise Failed(
                tried=f"Sent “{text}” to the same thread (threads.add_user_message).",
                observed="The model began to answer, and its first word did not arrive.",
                expected="Each word is sent on as a `text_delta` when it is there.",
                misconception="buffered",
            )
        yield
