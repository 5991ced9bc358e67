"""Buffered and streamed side by side: the page `/compare`, and the route that buffers for it.

The buffered side is no imitation. The same request goes to the same endpoint of the same app, and
its answer is held until it is whole, as a server or a proxy does that does not stream.
"""

from __future__ import annotations

from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BUFFERED = "/console/buffered"


def buffered_route(app: ASGIApp, endpoint: str) -> Route:
    """The route that answers as `app` does at `endpoint`, all at once."""
    return Route(BUFFERED, Buffered(app, endpoint), methods=["POST"], include_in_schema=False)


class Buffered:
    """An endpoint of the same app, whose answer is sent when its last byte is there."""

    def __init__(self, app: ASGIApp, endpoint: str) -> None:
        self._app = app
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask the endpoint, collect, answer. Who hangs up meanwhile hangs up on the endpoint."""
        start: Message = {}
        pieces: list[bytes] = []

        async def hold(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            else:
                pieces.append(message.get("body", b""))

        path = {"path": self._endpoint, "raw_path": self._endpoint.encode()}
        await self._app({**scope, **path}, receive, hold)
        await send(start)
        await send({"type": "http.response.body", "body": b"".join(pieces)})
