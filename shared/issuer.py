"""A small identity provider, to sign in against without an account anywhere.

It does what a big one does (Auth0, Keycloak, Entra ID): it signs short-lived tokens (JWTs, ES256)
and publishes the public keys to check them with (a JWKS). For teaching only: it asks nobody for a
password. Lesson 6 is about the other side, the server that must not believe a token unchecked.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import APIRouter, HTTPException, Response
from jwt.algorithms import ECAlgorithm
from pydantic import BaseModel

from shared import clock

ALGORITHM = "ES256"
LIFETIME = timedelta(hours=1)


class Issuer:
    """Signs tokens that say who a user is.

    `url` is what tokens name as `iss`, and where `issuer_router` is to be reached; `audience` is
    the server that tokens are meant for. Keys live as long as this object, and are made when first
    needed.
    """

    def __init__(self, url: str, audience: str, users: Sequence[str] = ("alice", "bob")) -> None:
        self.url = url
        self.audience = audience
        self.users = tuple(users)

    def token(self, user: str, *, lifetime: timedelta = LIFETIME, **overrides: Any) -> str:
        """Return a signed token for one of the users. Raises ValueError for anybody else.

        `overrides` replace claims (`aud="elsewhere"`), or leave them out (`exp=None`).
        """
        if user not in self.users:
            raise ValueError(f"There is no user {user!r}. There are: {', '.join(self.users)}.")
        now = clock.now()
        claims = {
            "iss": self.url,
            "sub": user,
            "aud": self.audience,
            "iat": now,
            "exp": now + lifetime,
            "jti": secrets.token_hex(16),
        } | overrides
        claims = {name: value for name, value in claims.items() if value is not None}
        key = self._keys[0]
        return jwt.encode(claims, key.private, algorithm=ALGORITHM, headers={"kid": key.id})

    def jwks(self) -> dict[str, Any]:
        """Return the public keys: the one that signs, and the one before it, whose tokens are
        still about."""
        return {"keys": [key.public_jwk() for key in self._keys]}

    def rotate(self) -> None:
        """Sign with a new key from now on. Tokens of the last key stay valid, older ones do not."""
        self._keys = [_Key.new(), self._keys[0]]

    @cached_property
    def _keys(self) -> list[_Key]:
        return [_Key.new()]


@dataclass(frozen=True)
class _Key:
    id: str
    private: ec.EllipticCurvePrivateKey

    @classmethod
    def new(cls) -> _Key:
        return cls(secrets.token_hex(8), ec.generate_private_key(ec.SECP256R1()))

    def public_jwk(self) -> dict[str, Any]:
        jwk = ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return jwk | {"kid": self.id, "alg": ALGORITHM, "use": "sig"}


class SignIn(BaseModel):
    """The body of `POST /token`."""

    user: str


class AccessToken(BaseModel):
    """The answer of `POST /token`; `expires_in` is in seconds."""

    access_token: str
    token_type: str = "Bearer"
    expires_in: int = int(LIFETIME.total_seconds())


def issuer_router(issuer: Issuer) -> APIRouter:
    """Return the routes of an identity provider, to be reached at `issuer.url`.

    | route                                   | the answer                    |
    | --------------------------------------- | ----------------------------- |
    | `GET /.well-known/openid-configuration` | where the others are          |
    | `GET /.well-known/jwks.json`            | the public keys               |
    | `POST /token` with `{"user": "alice"}`  | a token; 400 for a wrong name |
    """
    router = APIRouter(tags=["issuer"])
    url = issuer.url.rstrip("/")

    @router.get("/.well-known/openid-configuration")
    async def configuration() -> dict[str, Any]:
        return {
            "issuer": issuer.url,
            "jwks_uri": f"{url}/.well-known/jwks.json",
            "token_endpoint": f"{url}/token",
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "subject_types_supported": ["public"],
        }

    @router.get("/.well-known/jwks.json")
    async def jwks() -> dict[str, Any]:
        return issuer.jwks()

    @router.post("/token")
    async def token(sign_in: SignIn, response: Response) -> AccessToken:
        response.headers["Cache-Control"] = "no-store"
        try:
            return AccessToken(access_token=issuer.token(sign_in.user))
        except ValueError as error:
            raise HTTPException(400, str(error)) from None

    return router


__all__ = ["ALGORITHM", "LIFETIME", "Issuer", "issuer_router"]
