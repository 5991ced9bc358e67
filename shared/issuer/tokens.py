"""The keys, and the tokens that they sign."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from shared import clock

ALGORITHM = "ES256"
LIFETIME = timedelta(hours=1)


class Issuer:
    """Signs tokens that say who a user is.

    `url` is what tokens name as `iss`, and where its routes are to be reached; `audience` is the
    server that tokens are meant for. Keys live as long as this object, and are made when first
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
