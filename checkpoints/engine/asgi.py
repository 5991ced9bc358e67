"""uvicorn's server, which says when it serves, and stops when it is told to.

uvicorn looks each tenth of a second whether it is to stop, and waits another for its connections,
be there any or not. The checks restart servers, and a save restarts a lesson's.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn


class Server(uvicorn.Server):
    """Calls `on_serving` once requests are answered."""

    def __init__(self, config: uvicorn.Config, on_serving: Callable[[], None]) -> None:
        super().__init__(config)
        logging.getLogger("uvicorn.error").addFilter(_is_no_cut_stream)
        self._on_serving = on_serving
        self._ticking: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._on_serving()

    async def main_loop(self) -> None:
        self._ticking = asyncio.create_task(super().main_loop())
        await asyncio.wait({self._ticking})

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        if self._ticking:
            self._ticking.get_loop().call_soon_threadsafe(self._ticking.cancel)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's: no new request, some patience for the open ones, then the lifespan's end."""
        for listener in (*self.servers, *(sockets or ())):
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if open_requests := self.server_state.tasks:
            patience = self.config.timeout_graceful_shutdown
            _, late = await asyncio.wait(open_requests, timeout=patience)
            for request in late:
                request.cancel()
        if not self.force_exit:
            await self.lifespan.shutdown()


def _is_no_cut_stream(record: logging.LogRecord) -> bool:
    """Keep the traceback of a stream that was cut at the end from the terminal: it is meant."""
    return not (record.exc_info and record.exc_info[0] is asyncio.CancelledError)
