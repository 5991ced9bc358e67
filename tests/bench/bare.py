"""The least that a server can do for the same stream: Starlette, and frames that are already made.

What it reaches is the ceiling on this machine; whatever is below it goes to the SDKs and the model.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route


def _frame(word: str) -> bytes:
    update = {
        "type": "assistant_message.content_part.text_delta",
        "content_index": 0,
        "delta": word,
    }
    event = {"type": "thread.item.updated", "item_id": f"msg_{'0' * 32}", "update": update}
    return f"data: {json.dumps(event, separators=(',', ':'))}\n\n".encode()


WORDS = 500
FRAMES = [_frame(f"{number} ") for number in range(1, WORDS + 1)]


async def _stream() -> AsyncIterator[bytes]:
    for frame in FRAMES:
        await asyncio.sleep(0)  # as the offline model does
        yield frame


async def _chatkit(request: Request) -> Response:
    await request.body()
    return StreamingResponse(_stream(), media_type="text/event-stream")


app = Starlette(routes=[Route("/chatkit", _chatkit, methods=["POST"])])
