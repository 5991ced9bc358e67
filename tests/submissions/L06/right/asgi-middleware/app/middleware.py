"""The guard at the door: plain ASGI, before any route."""

from fastapi import HTTPException, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.auth import bearer, signed_in
from shared.context import RequestContext


class Guard:
    """Answers 401 to everything but the page, unless somebody is signed in."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look at the token of a request."""
        if scope["type"] == "http" and not _public(scope["path"]):
            request = Request(scope)
            try:
                request.state.who = await signed_in(await bearer(request))
            except HTTPException as error:
                answer = JSONResponse({"error": "unauthorized"}, 401, error.headers)
                await answer(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _public(path: str) -> bool:
    return path == "/" or path.startswith("/console")


def who(request: Request) -> RequestContext:
    """Return whom the guard has let in."""
    context: RequestContext = request.state.who
    return context
