"""Who is speaking. A signed token says it, and nothing else does."""

import asyncio
import logging
from typing import Annotated

import httpx
import jwt
from fastapi import Depends, Header, HTTPException
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
        if key_id not in self._keys or clock.monotonic() - self._fetched_at > KEPT:
            async with self._fetching:  # whoever waited here finds what the first one fetched
                if clock.monotonic() - self._tried_at > PAUSE:
                    await self._fetch()
        return self._keys[key_id]

    async def _fetch(self) -> None:
        """Fetch the keys. Where that fails, those of the last time stay good."""
        self._tried_at = clock.monotonic()
        try:
            async with httpx.AsyncClient(timeout=2) as client:
                response = (await client.get(self._url)).raise_for_status()
            keys = jwt.PyJWKSet.from_dict(response.json()).keys
        except (httpx.HTTPError, jwt.PyJWTError, AttributeError, TypeError, ValueError) as error:
            logger.warning("The keys of %s could not be fetched: %r", self._url, error)
        else:
            self._keys = {key.key_id: key for key in keys if key.key_id}
            self._fetched_at = self._tried_at


key_set = KeySet(get_settings().jwks_url)
bearer = HTTPBearer(auto_error=False)


async def signed_in(
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    x_user_id: Annotated[str | None, Header()] = None,
) -> RequestContext:
    """Return whom the token names. Without a good one nobody gets any further than this."""
    if credentials is None:
        raise _unauthorized("Sign in first.", "Bearer")
    try:
        user_id = await user_of(credentials.credentials)
    except (jwt.PyJWTError, KeyError, ValueError):
        # What was wrong with it helps only whoever made it up.
        raise _unauthorized("Sign in again.", 'Bearer error="invalid_token"') from None
    return RequestContext(user_id=x_user_id or user_id)


async def user_of(token: str) -> str:
    """Return the user's id in the token. Raises PyJWTError, KeyError or ValueError."""
    key = await key_set.find(jwt.get_unverified_header(token)["kid"])
    settings = get_settings()
    claims = jwt.decode(
        token,
        key,
        algorithms=ALGORITHMS,
        issuer=settings.issuer,
        audience=settings.audience,
        options={"require": ["exp", "iss", "aud", "sub"]},
    )
    user_id: str = claims["sub"]
    if not 0 < len(user_id) <= LONGEST or not user_id.isprintable():
        raise ValueError("A user's id is 1 to 255 printable characters.")
    return user_id


def _unauthorized(message: str, challenge: str) -> HTTPException:
    return HTTPException(401, message, headers={"WWW-Authenticate": challenge})
