"""Who is speaking. A signed token says it, and nothing else does."""

from typing import Annotated

import jwt
from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from shared.context import RequestContext
from shared.settings import get_settings

settings = get_settings()
keys = jwt.PyJWKClient(settings.jwks_url, timeout=3)


def signed_in(
    credentials: Annotated[
        HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))
    ],
) -> RequestContext:
    """Return whom the token names. It is no coroutine, for the client's requests block."""
    try:
        if credentials is None:
            raise ValueError("no token")
        claims = jwt.decode(
            credentials.credentials,
            keys.get_signing_key_from_jwt(credentials.credentials).key,
            algorithms=["ES256"],
            audience=settings.audience,
            issuer=settings.issuer,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
        if not 1 <= len(claims["sub"]) <= 255:
            raise ValueError("no user")
    except (jwt.PyJWTError, ValueError):
        raise HTTPException(
            401, "Unauthorized", headers={"WWW-Authenticate": 'Bearer realm="tasks"'}
        ) from None
    return RequestContext(claims["sub"])
