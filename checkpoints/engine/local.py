"""A server on this machine that a check plays: in the loop of the check, and gone with it."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState


class LocalServer:
    """Serves `app()` on a free port of 127.0.0.1, for as long as its `async with` lasts."""

    def __init__(self) -> None:
        self.address = ""
        """`http://127.0.0.1:<port>`, once started."""

    def app(self) -> ASGIApp:
        """What it serves. It is asked for once, when the server starts."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        # Not `uvicorn.Server`: that takes over the process's signals and needs 0.2 s to stop.
        config = uvicorn.Config(
            self.app(),
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            timeout_keep_alive=600,
        )
        config.load()
        self._state = ServerState()
        self._listener = await asyncio.get_running_loop().create_server(
            lambda: config.http_protocol_class(  # type: ignore[call-arg]
                config=config, server_state=self._state, app_state={}
            ),
            "127.0.0.1",
            0,
        )
        port = self._listener.sockets[0].getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.close()
        # Hang up: a stream that waits ends as it does when its client goes away.
        for connection in list(self._state.connections):
            connection.transport.abort()
        await asyncio.gather(*self._state.tasks, return_exceptions=True)
        await self._listener.wait_closed()
