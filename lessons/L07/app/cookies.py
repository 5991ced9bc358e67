"""Signing in with a cookie that no script can read.

A browser sends a cookie by itself, whichever site's page makes it send a request. So whoever believes
a cookie has to ask where the request comes from.
"""

from typing import Annotated

import httpx
from fastapi import APIRouter, Cookie, Depends, HTTPException, Request, Response
from fastapi.security import HTTPAuthorizationCredentials
from pydantic import BaseModel, Field, ValidationError

from app.auth import signed_in
from shared.context import RequestContext
from shared.endpoint import MAX_BODY_BYTES
from shared.settings import get_settings

COOKIE = "session"

SessionCookie = Annotated[str | None, Cookie(alias=COOKIE)]


class SignIn(BaseModel):
    """Who wants to sign in, and for how many seconds."""

    user: str
    lifetime: Annotated[int, Field(le=86_400)] = 3600


async def wanted_sign_in(request: Request) -> SignIn:
    """Read who wants to sign in. FastAPI would send back what is wrong, and breaks at some of it."""
    try:
        return SignIn.model_validate_json(await request.body())
    except ValidationError:
        raise HTTPException(400, "Say who signs in.") from None


def own_page_only(request: Request) -> None:
    """Refuse what another site's page made the browser send (CSRF)."""
    raise NotImplementedError(
        "own_page_only() is not written yet: lesson 7, “8. A cookie that no script can read”."
    )


async def cookie_user(
    session: SessionCookie = None, _: Annotated[None, Depends(own_page_only)] = None
) -> RequestContext:
    """Return whom the cookie's token names, or refuse as `signed_in` does."""
    raise NotImplementedError(
        "cookie_user() is not written yet: lesson 7, “8. A cookie that no script can read”."
    )


router = APIRouter()


@router.post("/api/login", dependencies=[Depends(own_page_only)], max_body_size=MAX_BODY_BYTES)
async def login(
    wanted: Annotated[SignIn, Depends(wanted_sign_in)], request: Request, response: Response
) -> dict[str, str]:
    """Get a token from the issuer, and put it where only the browser has it."""
    raise NotImplementedError(
        "login() is not written yet: lesson 7, “8. A cookie that no script can read”."
    )


@router.post("/api/logout", dependencies=[Depends(own_page_only)], status_code=204)
def logout(response: Response) -> None:
    """Take the cookie back."""
    response.delete_cookie(COOKIE)


@router.get("/api/me")
async def me(session: SessionCookie = None) -> dict[str, str | None]:
    """Tell the page who is signed in, which it cannot see for itself."""
    try:
        return {"user": (await cookie_user(session)).user_id}
    except HTTPException:
        return {"user": None}
