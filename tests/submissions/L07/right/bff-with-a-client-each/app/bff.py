"""A backend for the frontend: it takes the cookie, and calls the real backend with the token in it.

The backend can be any service that believes bearer tokens. It needs to know nothing of cookies, and
the browser nothing of tokens.
"""

from collections.abc import AsyncIterator

import httpx
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import StreamingResponse

from app.cookies import SessionCookie, own_page_only
from shared.endpoint import MAX_BODY_BYTES
from shared.settings import get_settings

router = APIRouter()


@router.post("/bff/chatkit", dependencies=[Depends(own_page_only)], max_body_size=MAX_BODY_BYTES)
async def forward(request: Request, session: SessionCookie = None) -> StreamingResponse:
    """Send the request on, and the answer back as it comes."""
    if not session or not session.isascii() or not session.isprintable():
        raise HTTPException(401, "Sign in first.", {"WWW-Authenticate": "Bearer"})
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {session}"}
    url = get_settings().backend + "/chatkit"
    client = httpx.AsyncClient(timeout=httpx.Timeout(5, read=60))
    asked = client.build_request("POST", url, content=await request.body(), headers=headers)
    try:
        answer = await client.send(asked, stream=True)
    except httpx.TimeoutException:
        await client.aclose()
        raise HTTPException(503, "The backend does not answer in time. Try again.") from None
    except httpx.TransportError:
        await client.aclose()
        raise HTTPException(502, "The backend cannot be reached. Is it running?") from None
    kind = answer.headers.get("content-type", "application/json")
    return StreamingResponse(_pass_on(client, answer), answer.status_code, media_type=kind)


async def _pass_on(client: httpx.AsyncClient, answer: httpx.Response) -> AsyncIterator[bytes]:
    """Yield what comes, at once. When the browser is gone, hang up: that stops the backend's turn."""
    try:
        async for chunk in answer.aiter_bytes():
            yield chunk
    finally:
        await answer.aclose()
        await client.aclose()
