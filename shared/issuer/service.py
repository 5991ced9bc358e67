"""The identity provider's routes.

| route                                   | the answer                                              |
| --------------------------------------- | ------------------------------------------------------- |
| `GET /`                                 | a page: what this is, whom it knows, its keys           |
| `GET /sign-in?return_to=…&state=…`      | a page: who to be, and for how long                     |
| `POST /sign-in` (that page's form)      | 303 to `return_to#access_token=…&expires_in=…&state=…`  |
| `POST /token` with `{"user": "alice"}`  | a token as JSON; 400 for a wrong name                   |
| `POST /rotate`                          | a new key signs; its id as JSON, or the page in browsers |
| `GET /.well-known/openid-configuration` | where the others are                                    |
| `GET /.well-known/jwks.json`            | the public keys                                         |

A token in the fragment of an address (the “implicit flow”) is what OAuth advises against today: it
is short, and shows where a token comes from. Nothing here checks a password.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.middleware.base import RequestResponseEndpoint
from starlette.types import Receive, Scope, Send

from shared.issuer.loopback import ORIGIN, origin_of
from shared.issuer.pages import LIFETIMES, home_page, refusal_page, sign_in_page
from shared.issuer.tokens import ALGORITHM, LIFETIME, Issuer

YEAR = 365 * 86_400  # seconds
KEYS_KEPT = 60  # seconds a cache may keep the keys; a learner rotates them more often than most

_CONSOLE = Path(__file__).parents[1] / "console" / "static"  # whose colours these pages have
_FILES = {
    "issuer.css": Path(__file__).parent / "static" / "issuer.css",
    "tokens.css": _CONSOLE / "chatkit-local" / "tokens.css",
    "icon.svg": _CONSOLE / "icon.svg",
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_STATE = re.compile(r"[A-Za-z0-9._~-]{0,200}")


class TokenRequest(BaseModel):
    """The body of `POST /token`. All but `user` is there to try things with.

    `lifetime` is in seconds; a negative one gives a token that has run out already. `audience` is
    another server that the token shall be meant for.
    """

    model_config = ConfigDict(extra="forbid")

    user: str
    lifetime: Annotated[int, Field(ge=-YEAR, le=YEAR)] = int(LIFETIME.total_seconds())
    audience: str | None = None


class AccessToken(BaseModel):
    """The answer of `POST /token`; `expires_in` is in seconds."""

    access_token: str
    token_type: str = "Bearer"
    expires_in: int


class _ForPages(CORSMiddleware):
    """Lets pages of this machine read what is for programs, and none of the rest."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(("/token", "/.well-known/")):
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def create_app(issuer: Issuer) -> FastAPI:
    """Return the app, to be reached at `issuer.url`."""
    app = FastAPI(title="Issuer", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(
        _ForPages,
        allow_origin_regex=ORIGIN,
        allow_methods=["GET", "POST"],
        allow_headers=["Content-Type"],
    )
    url = issuer.url.rstrip("/")

    @app.middleware("http")
    async def add_headers(request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    @app.get("/.well-known/openid-configuration")
    async def configuration(response: Response) -> dict[str, Any]:
        response.headers["Cache-Control"] = f"max-age={KEYS_KEPT}"
        return {
            "issuer": issuer.url,
            "jwks_uri": f"{url}/.well-known/jwks.json",
            "token_endpoint": f"{url}/token",
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "subject_types_supported": ["public"],
        }

    @app.get("/.well-known/jwks.json")
    async def jwks(response: Response) -> dict[str, Any]:
        response.headers["Cache-Control"] = f"max-age={KEYS_KEPT}"
        return issuer.jwks()

    @app.post("/token")
    async def token(asked: TokenRequest) -> AccessToken:
        claims = {} if asked.audience is None else {"aud": asked.audience}
        lifetime = timedelta(seconds=asked.lifetime)
        try:
            signed = issuer.token(asked.user, lifetime=lifetime, **claims)
        except ValueError as error:
            raise HTTPException(400, str(error)) from None
        return AccessToken(access_token=signed, expires_in=asked.lifetime)

    @app.get("/")
    async def home() -> Response:
        return _page(home_page(issuer))

    @app.post("/rotate")
    async def rotate(request: Request) -> Response:
        if _from_elsewhere(request):
            return _refused("Only this service's own page, or a program, may do that.", 403)
        issuer.rotate()
        if "text/html" in request.headers.get("accept", ""):
            return RedirectResponse("/", 303)
        return JSONResponse({"kid": issuer.jwks()["keys"][0]["kid"]})

    @app.get("/sign-in")
    async def choose(return_to: str = "", state: str = "") -> Response:
        try:
            origin = origin_of(return_to)
        except ValueError as error:
            return _refused(str(error))
        if not _STATE.fullmatch(state):
            return _refused("state must be at most 200 letters, digits and . _ ~ -")
        return _page(sign_in_page(issuer, origin, return_to, state), leads_to=origin)

    @app.post("/sign-in")
    async def sign_in(request: Request) -> Response:
        if _from_elsewhere(request):
            return _refused("Another site sent you here. Sign in from the page itself.", 403)
        form = dict(parse_qsl((await request.body()).decode("latin-1")))
        return_to, state = form.get("return_to", ""), form.get("state", "")
        lifetime = form.get("lifetime", "")
        if lifetime not in map(str, LIFETIMES) or not _STATE.fullmatch(state):
            return _refused("The form was not filled in as this service does it. Sign in again.")
        try:
            origin_of(return_to)
            token = issuer.token(form.get("user", ""), lifetime=timedelta(seconds=int(lifetime)))
        except ValueError as error:
            return _refused(str(error))
        back = {"access_token": token, "expires_in": lifetime} | ({"state": state} if state else {})
        # In the fragment: browsers keep that to themselves, so it is in no server's log.
        return RedirectResponse(f"{return_to}#{urlencode(back)}", 303)

    @app.get("/static/{name}")
    async def static(name: str) -> Response:
        if name not in _FILES:
            raise HTTPException(404)
        return FileResponse(_FILES[name], headers={"Cache-Control": "no-cache"})

    return app


def _from_elsewhere(request: Request) -> bool:
    """Whether another site's page made the browser send this. Programs do not say, and may."""
    return request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}


def _page(html: str, status: int = 200, *, leads_to: str = "") -> Response:
    """A page whose form goes to this service, and from there to the origin `leads_to`."""
    if "[" in leads_to:
        leads_to = "http:"  # a policy has no way to name an IPv6 address
    policy = [
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        f"form-action 'self' {leads_to}".rstrip(),
        "frame-ancestors 'none'",
    ]
    return HTMLResponse(html, status, {"Content-Security-Policy": "; ".join(policy)})


def _refused(sentence: str, status: int = 400) -> Response:
    return _page(refusal_page(sentence), status)
