"""Who is speaking. A signed token says it, and nothing else does."""

import asyncio

import jwt
from fastapi import HTTPException, Request

from shared.context import RequestContext
from shared.settings import get_settings

settings = get_settings()
keys = jwt.PyJWKClient(settings.jwks_url, timeout=2, cooldown_duration=10, lifespan=3600)
DEMANDED = {"verify_" + name: True for name in ("exp", "nbf", "iss", "aud", "sub")}


class NotSignedIn(HTTPException):
    """What a stranger gets."""

    def __init__(self) -> None:
        super().__init__(401, "Who are you?", headers={"www-authenticate": "bearer"})


async def signed_in(request: Request) -> None:
    """Note whom the token names, for who_is()."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise NotSignedIn
    try:
        key = await asyncio.to_thread(keys.get_signing_key_from_jwt, token.strip())
        claims = jwt.decode(
            token.strip(),
            key,
            algorithms=["RS256", "ES256"],
            audience=[settings.audience],
            issuer=[settings.issuer],
            leeway=30,
            options={**DEMANDED, "require": ["sub", "exp", "aud", "iss"]},
        )
    except jwt.PyJWTError:
        raise NotSignedIn from None
    if not 0 < len(claims["sub"]) < 256:
        raise NotSignedIn
    request.state.user = claims["sub"]


def who_is(request: Request) -> RequestContext:
    """Return whom signed_in() has noted."""
    return RequestContext(user_id=request.state.user)
