"""A backend for the frontend: it takes the cookie, and calls the real backend with the token in it.

The backend can be any service that believes bearer tokens. It needs to know nothing of cookies, and
the browser nothing of tokens.
"""

from collections.abc import AsyncIterator

import httpx
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import StreamingResponse

from app.cookies import SessionCookie
from shared.endpoint import MAX_BODY_BYTES
from shared.settings import get_settings

# Of one connection, and there are two; and what our own server adds.
HOP_BY_HOP = {"connection", "date", "keep-alive", "server", "transfer-encoding"}

# One client for all: a new one for each request would connect anew each time. An answer holds its
# connection for as long as it streams, so there is no limit; a quiet one sends a comment now and then.
client = httpx.AsyncClient(
    timeout=httpx.Timeout(5, read=60), limits=httpx.Limits(max_connections=None)
)
router = APIRouter()


@router.post("/bff/chatkit", max_body_size=MAX_BODY_BYTES)
async def forward(request: Request, session: SessionCookie = None) -> StreamingResponse:
    """Send the request on, and the answer back as it comes."""
    if not session or not session.isascii() or not session.isprintable():
        raise HTTPException(401, "Sign in first.", {"WWW-Authenticate": "Bearer"})
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {session}"}
    url = get_settings().backend + "/chatkit"
    asked = client.build_request("POST", url, content=await request.body(), headers=headers)
    try:
        answer = await client.send(asked, stream=True)
    except httpx.TimeoutException:
        raise HTTPException(503, "The backend does not answer in time. Try again.") from None
    except httpx.TransportError:
        raise HTTPException(502, "The backend cannot be reached. Is it running?") from None
    kept = {name: text for name, text in answer.headers.items() if name not in HOP_BY_HOP}
    return StreamingResponse(_pass_on(answer), answer.status_code, kept)


async def _pass_on(answer: httpx.Response) -> AsyncIterator[bytes]:
    """Yield what comes, at once. When the browser is gone, hang up: that stops the backend's turn."""
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    finally:
        await answer.aclose()
