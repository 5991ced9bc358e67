"""A session in a cookie: who may read it, and who may use it."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from checkpoints.engine.client import ChatKit
from checkpoints.engine.identity import Identity
from checkpoints.engine.verdict import Failed
from checkpoints.engine.visitor import Visitor

_JSON, _FORM = "application/json", "text/plain"
_EVIL = "https://evil.example"
_READABLE = """() => JSON.stringify([
  document.cookie, {...localStorage}, {...sessionStorage},
  Object.values(window).filter((value) => typeof value === "string"),
])"""


async def require_unreadable(visitor: Visitor, tokens: list[str]) -> None:
    """No script on the page can read a token that somebody signed in for."""
    readable = await visitor.page.evaluate(_READABLE)
    if any(token.split(".")[2] in readable for token in tokens):
        raise Failed(
            tried="Signed in with a cookie, and looked on the page where a script can look: "
            "`document.cookie`, localStorage, sessionStorage, global variables.",
            observed="The token is there.",
            expected="The server sets it as a cookie with HttpOnly, and answers without it. Then no "
            "script has it, whosever script that is.",
            misconception="token-readable",
        )


async def require_good_cookie(visitor: Visitor) -> None:
    """There is a cookie that no script can read."""
    cookies = await visitor.page.context.cookies()
    if not any(cookie.get("httpOnly") for cookie in cookies):
        names = ", ".join(str(cookie.get("name")) for cookie in cookies)
        raise Failed(
            tried="Signed in at the page, with a cookie. Looked at the browser's cookies.",
            observed=f"None is httpOnly. There is: {names or 'none'}.",
            expected='`response.set_cookie(..., httponly=True, samesite="lax")` at `POST /api/login`.',
            misconception="cookie-not-httponly",
        )


async def require_good_login(own: str, identity: Identity) -> None:
    """`POST /api/login` sets a cookie that other sites do not send along, and tells no token."""
    async with _client(own) as http:
        answer = await _login(http)
    said = answer.headers.get_list("set-cookie")
    tried = 'Sent `POST /api/login` with {"user": "alice"}, and looked at the answer.'
    if not any(re.search(r";\s*samesite=(lax|strict)\b", one, re.IGNORECASE) for one in said):
        raise Failed(
            tried=tried,
            observed="Its cookie has no SameSite of Lax or Strict.",
            expected='`samesite="lax"` or `"strict"`: then pages of other sites cannot send it along '
            "with what they post. Not every browser assumes that of itself.",
            misconception="cookie-not-samesite",
        )
    if any(token.split(".")[2] in answer.text for token in identity.given):
        raise Failed(
            tried=tried,
            observed="The token stands in its body.",
            expected="The token goes into the cookie and nowhere else. What the answer holds, every "
            "script on the page can ask for.",
            misconception="token-readable",
        )


@asynccontextmanager
async def signed_in_by_cookie(own: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client with alice's cookie, as her browser would have it. Raises Failed."""
    async with _client(own) as http:
        await _login(http)
        yield http


def _own(http: httpx.AsyncClient) -> str:
    """The origin of the server's own page."""
    return str(http.base_url).rstrip("/")


def _from_own_page(http: httpx.AsyncClient) -> dict[str, str]:
    return {"Origin": _own(http), "Sec-Fetch-Site": "same-origin"}


def _client(own: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=own, timeout=20, trust_env=False, verify=False)


async def _login(http: httpx.AsyncClient) -> httpx.Response:
    """Sign alice in as her page would. Raises Failed where there is no cookie then."""
    answer = await http.post(
        "/api/login",
        json={"user": "alice", "lifetime": 3600},
        headers=_from_own_page(http),
    )
    if answer.status_code >= 300 or not http.cookies:
        raise Failed(
            tried='Sent `POST /api/login` with {"user": "alice"} from the server\'s own page.',
            observed=f"Status {answer.status_code}, and "
            f"{'a' if answer.headers.get('set-cookie') else 'no'} cookie.",
            expected="Status 200 and a cookie: the server asks the issuer for the token.",
            misconception="no-login",
        )
    return answer


async def require_own_page_only(http: httpx.AsyncClient, person: ChatKit, path: str) -> None:
    """With the cookie, requests from other sites' pages are refused, and change nothing."""
    message = json.dumps(person.message("A message that nobody wrote.")).encode()
    before = await _threads(http, path)
    for whose, headers in _foreign(_own(http)):
        status = (await http.post(path, content=message, headers=headers)).status_code
        if not 400 <= status < 500:
            what = "the server broke" if status >= 500 else "it was believed"
            raise _believed(whose, f"Status {status}: {what}.")
    if await _threads(http, path) != before:
        raise _believed("from elsewhere", "It was refused, and stored all the same.")
    await _require_no_foreign_login(http)


def _foreign(own: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Requests as the pages of other sites make a browser send them: whose each is, and its headers."""

    def headers(origin: str, site: str, kind: str = _JSON) -> dict[str, str]:
        return {"Origin": origin, "Sec-Fetch-Site": site, "Content-Type": kind}

    machine = own.rsplit(":", 1)[0]
    yield f"of a page at {_EVIL}", headers(_EVIL, "cross-site")
    yield "of a page without an origin (`Origin: null`)", headers("null", "same-site")
    yield "of a page at another port of this machine", headers(f"{machine}:1", "same-site")
    yield "of a page whose address begins like yours", headers(f"{own}.evil.example", "cross-site")
    yield "of a form on another site, sent as text/plain", headers(_EVIL, "cross-site", _FORM)
    # Old browsers say nothing but Origin, and of a form not even that.
    yield (
        "of an old browser, with a foreign Origin and no Sec-Fetch-Site",
        {"Origin": _EVIL, "Content-Type": _JSON},
    )
    yield (
        "of a form in an old browser, which says nothing but text/plain",
        {"Content-Type": _FORM},
    )


async def _require_no_foreign_login(http: httpx.AsyncClient) -> None:
    headers = {"Origin": _EVIL, "Sec-Fetch-Site": "cross-site"}
    answer = await http.post("/api/login", json={"user": "bob"}, headers=headers)
    if answer.headers.get("set-cookie"):
        raise Failed(
            tried=f"Sent `POST /api/login` as a page at {_EVIL} would.",
            observed=f"Status {answer.status_code}, and a cookie.",
            expected="The guard stands before the sign-in, too. Otherwise another site can sign people "
            "in as somebody else, and read later what they have written.",
            misconception="csrf-login",
        )


async def _threads(http: httpx.AsyncClient, path: str) -> Any:
    headers = {**_from_own_page(http), "Content-Type": _JSON}
    asked = json.dumps({"type": "threads.list", "params": {"limit": 100}}).encode()
    answer = await http.post(path, content=asked, headers=headers)
    try:
        if answer.status_code == 200:
            return answer.json()["data"]
    except (ValueError, LookupError, TypeError):
        pass
    raise Failed(
        tried="Sent `threads.list` with the cookie, from the server's own page.",
        observed=f"Status {answer.status_code}: {answer.text[:160]}",
        expected="Who sends the cookie from the own page is signed in.",
        misconception="cookie-not-believed",
    )


def _believed(what: str, observed: str) -> Failed:
    return Failed(
        tried=f"Sent a message with the cookie, as a request {what}.",
        observed=observed,
        expected="A browser sends the cookie along whoever made it send the request. So the server "
        "asks where the request comes from: `Origin` and `Sec-Fetch-Site` have to be its own page's, "
        "and another content type than application/json is refused.",
        misconception="csrf",
    )
