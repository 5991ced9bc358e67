"""The identity provider, played on this machine: it signs for whomever a check names."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any, Self

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from checkpoints.engine.local import LocalServer
from shared.issuer import Issuer
from shared.issuer.loopback import ORIGIN

AUDIENCE = "task-manager"
_ELSEWHERE = "/elsewhere/jwks.json"
_LIFETIME = timedelta(days=30)  # a check may let a week pass on the server's clock


class Identity(LocalServer):
    """An issuer on a free port. Its keys are its own, and it notes who asks for them."""

    def __init__(self) -> None:
        super().__init__()
        self.fetches = 0
        """How often somebody has asked for the keys."""
        self.down = False
        """While this is True, nobody gets them."""
        self.stalled = False
        """While this is True, whoever asks for them waits."""
        self.lifetime = _LIFETIME
        """Of the tokens that people sign in for. Negative: they have expired when they are made."""
        self.given: list[str] = []
        """The tokens that people have signed in for, oldest first."""
        self._elsewhere: dict[str, Any] = {"keys": []}

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.issuer = Issuer(self.address, AUDIENCE, users=())
        return self

    def token(self, user: str, *, lifetime: timedelta = _LIFETIME, **claims: Any) -> str:
        """A signed token. `claims` replace those of a good one, or leave them out (`exp=None`)."""
        if user not in self.issuer.users:
            self.issuer.users = (*self.issuer.users, user)
        return self.issuer.token(user, lifetime=lifetime, **claims)

    def jwks(self) -> dict[str, Any]:
        """The public keys: what it serves to those who ask."""
        return self.issuer.jwks()

    def publish(self, keys: dict[str, Any]) -> str:
        """Serve a key set of somebody who is no issuer at all. Returns its URL."""
        self._elsewhere = keys
        return f"{self.address}{_ELSEWHERE}"

    def rotate(self) -> None:
        """Sign with a new key from now on."""
        self.issuer.rotate()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make a server believe this issuer."""
        return {"CHATKIT_ISSUER": self.address, "CHATKIT_AUDIENCE": AUDIENCE}

    def app(self) -> Starlette:
        """Its public routes, and the one at which a page signs somebody in."""

        async def configuration(_: Request) -> Response:
            keys = f"{self.address}/.well-known/jwks.json"
            return await self._answer({"issuer": self.address, "jwks_uri": keys})

        async def jwks(_: Request) -> Response:
            self.fetches += 1
            return await self._answer(self.jwks())

        async def elsewhere(_: Request) -> Response:
            return JSONResponse(self._elsewhere)

        async def token(request: Request) -> Response:
            try:
                user = json.loads(await request.body())["user"]
            except (ValueError, LookupError, TypeError):
                user = None
            if not isinstance(user, str):
                return JSONResponse({"detail": 'The body must be JSON, {"user": a name}.'}, 400)
            self.given.append(self.token(user, lifetime=self.lifetime))
            seconds = int(self.lifetime.total_seconds())
            return JSONResponse(
                {"access_token": self.given[-1], "token_type": "Bearer", "expires_in": seconds}
            )

        pages = Middleware(
            CORSMiddleware,
            allow_origin_regex=ORIGIN,
            allow_methods=["POST"],
            allow_headers=["Content-Type"],
        )
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", configuration),
                Route("/.well-known/jwks.json", jwks),
                Route(_ELSEWHERE, elsewhere),
                Route("/token", token, methods=["POST"]),
            ],
            middleware=[pages],
        )

    async def _answer(self, content: dict[str, Any]) -> Response:
        while self.stalled:  # noqa: ASYNC110 - whoever sets it back tells nobody
            await asyncio.sleep(0.01)
        if self.down:
            return JSONResponse({"error": "temporarily_unavailable"}, 503)
        return JSONResponse(content)
