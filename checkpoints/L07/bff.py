"""The server in between: what it makes of the answers behind it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx

from checkpoints.engine.plugin import Lab
from checkpoints.engine.verdict import Failed
from checkpoints.L07 import cookie

PATH = "/bff/chatkit"


async def require_passed_on(lab: Lab) -> None:
    """What the backend says is passed on as it is, and a backend that is gone is told."""
    own = lab.server.base_url
    own = lab.server.base_url
    headers = {"Origin": own, "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}

    async def status(http: httpx.AsyncClient, **request: Any) -> int:
        content = json.dumps(request).encode()
        async with asyncio.timeout(20):
            answer = await http.post(PATH, content=content, headers=headers)
        return answer.status_code

    async with cookie.signed_in_by_cookie(own) as http:
        listed = {"type": "threads.list", "params": {"limit": 1}}
        missing = {"type": "threads.get_by_id", "params": {"thread_id": "thr_none"}}
        _expect(await status(http, **listed), {200}, "a list of threads")
        _expect(await status(http, **missing), {404}, "a thread that does not exist")
        _expect(await status(http, type="nonsense"), {400, 422}, "a request that is none")
        kept = dict(http.cookies)
        http.cookies.clear()
        _expect(await status(http, **listed), {401}, "a list of threads without the cookie")
        name = next(iter(kept))
        http.cookies.set(name, lab.identity.token("alice", lifetime=-lab.identity.lifetime))
        _expect(await status(http, **listed), {401}, "a list of threads with an expired token")
        http.cookies.set(name, kept[name])
        await lab.server.stop_backend()
        _expect(await status(http, **listed), {502, 503, 504}, "a list, with the backend gone")


def _expect(status: int, good: set[int], what: str) -> None:
    if status not in good:
        raise Failed(
            tried=f"Asked `POST {PATH}` for {what}.",
            observed=f"Status {status}.",
            expected=f"{' or '.join(map(str, sorted(good)))}: what the backend says is passed on as it "
            "is, and a backend that is gone is no fault of the one who asks (502, 503).",
            misconception="bff-status",
        )
