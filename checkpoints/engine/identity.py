"""The identity provider, played on this machine: it signs for whomever a check names."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from checkpoints.engine.local import LocalServer
from shared.issuer import Issuer

AUDIENCE = "task-manager"
_LIFETIME = timedelta(days=30)  # a check may let a week pass on the server's clock


class Identity(LocalServer):
    """An issuer on a free port. Its keys are its own, and it notes who asks for them."""

    def __init__(self) -> None:
        super().__init__()
        self.fetches = 0
        """How often somebody has asked for the keys."""
        self.down = False
        """While this is True, nobody gets them."""

    async def __aenter__(self) -> Identity:
        await super().__aenter__()
        self.issuer = Issuer(self.address, AUDIENCE, users=())
        return self

    def token(self, user: str, *, lifetime: timedelta = _LIFETIME, **claims: Any) -> str:
        """A signed token. `claims` replace those of a good one, or leave them out (`exp=None`)."""
        if user not in self.issuer.users:
            self.issuer.users = (*self.issuer.users, user)
        return self.issuer.token(user, lifetime=lifetime, **claims)

    def rotate(self) -> None:
        """Sign with a new key from now on."""
        self.issuer.rotate()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make a server believe this issuer."""
        return {"CHATKIT_ISSUER": self.address, "CHATKIT_AUDIENCE": AUDIENCE}

    def app(self) -> Starlette:
        """Its two public routes."""

        async def configuration(_: Request) -> Response:
            keys = f"{self.address}/.well-known/jwks.json"
            return self._answer({"issuer": self.address, "jwks_uri": keys})

        async def jwks(_: Request) -> Response:
            self.fetches += 1
            return self._answer(self.issuer.jwks())

        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", configuration),
                Route("/.well-known/jwks.json", jwks),
            ]
        )

    def _answer(self, content: dict[str, Any]) -> Response:
        if self.down:
            return JSONResponse({"error": "temporarily_unavailable"}, 503)
        return JSONResponse(content)


__all__ = ["AUDIENCE", "Identity"]
