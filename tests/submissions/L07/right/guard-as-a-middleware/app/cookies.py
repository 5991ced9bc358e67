"""Signing in with a cookie that no script can read.

A browser sends a cookie by itself, whichever site's page makes it send a request. So whoever believes
a cookie has to ask where the request comes from.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated

import httpx
from fastapi import APIRouter, Cookie, HTTPException, Request, Response
from fastapi.responses import JSONResponse
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


async def own_page_only(
    request: Request, go_on: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Refuse what another site's page made the browser send (CSRF)."""
    if request.method in {"GET", "HEAD"}:
        return await go_on(request)
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")  # else plain HTTP, or a program
    own = f"{request.url.scheme}://{request.headers.get('host')}"
    # Another port is the same site, and gets the cookie too, but is another origin.
    if site != "same-origin" or origin not in {None, own}:
        return JSONResponse({"detail": "Only this site's own page may do that."}, 403)
    # A form can be sent from anywhere without asking, but not with this type.
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return JSONResponse({"detail": "The body must be JSON."}, 415)
    return await go_on(request)


async def cookie_user(session: SessionCookie = None) -> RequestContext:
    """Return whom the cookie's token names, or refuse as `signed_in` does."""
    given = HTTPAuthorizationCredentials(scheme="Bearer", credentials=session) if session else None
    return await signed_in(given)


router = APIRouter()


@router.post("/api/login")
async def login(wanted: SignIn, request: Request, response: Response) -> dict[str, str]:
    """Get a token from the issuer, and put it where only the browser has it."""
    try:
        async with httpx.AsyncClient(timeout=5) as client:
            url = get_settings().issuer.rstrip("/") + "/token"
            answer = await client.post(url, json=wanted.model_dump())
    except httpx.HTTPError:
        raise HTTPException(503, "The issuer does not answer. Is it running?") from None
    if answer.status_code != 200:
        raise HTTPException(400, "The issuer gives no token for that.")
    token = answer.json()
    response.set_cookie(
        COOKIE,
        token["access_token"],
        max_age=token["expires_in"],
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return {"user": wanted.user}


@router.post("/api/logout", status_code=204)
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
