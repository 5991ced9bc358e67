"""Who is speaking. A signed token says it, and nothing else does."""

import asyncio
import logging
from typing import Annotated

import httpx
import jwt
from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from shared import clock
from shared.context import RequestContext
from shared.settings import get_settings

ALGORITHMS = ["ES256", "RS256"]  # with a public key to check by; never a shared secret
KEPT = 3600.0  # seconds after which the keys are fetched again, known or not
PAUSE = 10.0  # seconds between two fetches, whatever strangers send
LONGEST = 255  # characters of a user's id

logger = logging.getLogger(__name__)


class KeySet:
    """The issuer's public keys, fetched when first needed, and kept."""

    def __init__(self, url: str) -> None:
        """Fetch the keys from `url`, a JWKS."""
        self._url = url
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def find(self, key_id: str) -> jwt.PyJWK:
        """Return the key. Raises KeyError where the issuer has none of that id."""
        raise NotImplementedError(
            "find() is not written yet: lesson 6, “4. Whose keys?”."
        )

    async def _fetch(self) -> None:
        """Fetch the keys. Where that fails, those of the last time stay good."""
        raise NotImplementedError(
            "_fetch() is not written yet: lesson 6, “4. Whose keys?”."
        )


key_set = KeySet(get_settings().jwks_url)
bearer = HTTPBearer(auto_error=False)


async def signed_in(
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> RequestContext:
    """Return whom the token names. Without a good one nobody gets any further than this."""
    raise NotImplementedError(
        "signed_in() is not written yet: lesson 6, “5. Believe it or not”."
    )


async def user_of(token: str) -> str:
    """Return the user's id in the token. Raises PyJWTError, KeyError or ValueError."""
    raise NotImplementedError(
        "user_of() is not written yet: lesson 6, “5. Believe it or not”."
    )


def _unauthorized(message: str, challenge: str) -> HTTPException:
    return HTTPException(401, message, headers={"WWW-Authenticate": challenge})
