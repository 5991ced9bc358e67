"""What lesson 1 says about ChatKit, tried on the pinned version."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
import pytest_asyncio
from fastapi import FastAPI
from starlette.testclient import TestClient

pytestmark = [
    pytest.mark.slow,  # imports the SDKs
    pytest.mark.filterwarnings("ignore:Direct usage of named widget classes"),
]

CONTENT = [{"type": "input_text", "text": "hello"}]
INPUT = {"content": CONTENT, "attachments": [], "inference_options": {}}


@pytest_asyncio.fixture
async def seen() -> AsyncIterator[dict[str, Any]]:
    """A turn in which everything happens that the lesson speaks of, and what was seen of it."""
    from chatkit.server import ChatKitServer
    from chatkit.types import (
        AssistantMessageContent,
        AssistantMessageContentPartTextDelta,
        AssistantMessageItem,
        HiddenContextItem,
        ProgressUpdateEvent,
        ThreadItemAddedEvent,
        ThreadItemDoneEvent,
        ThreadItemUpdatedEvent,
    )

    from shared import clock
    from shared.context import RequestContext
    from shared.store import SQLiteStore

    seen: dict[str, Any] = {}

    class Server(ChatKitServer[RequestContext]):
        async def stored(self, thread: Any, context: RequestContext) -> list[str]:
            page = await self.store.load_thread_items(thread.id, None, 20, "asc", context)
            return [item.type for item in page.data]

        async def respond(self, thread: Any, input_user_message: Any, context: Any) -> Any:
            seen["before respond"] = await self.stored(thread, context)
            seen["context"] = context
            common = {"thread_id": thread.id, "created_at": clock.now()}
            answer = AssistantMessageItem(id="msg_a", content=[], **common)
            yield ProgressUpdateEvent(text="1 of 2")
            yield ThreadItemAddedEvent(item=answer)
            yield ThreadItemUpdatedEvent(
                item_id="msg_a",
                update=AssistantMessageContentPartTextDelta(content_index=0, delta="Hi"),
            )
            seen["after a piece"] = await self.stored(thread, context)
            answer.content = [AssistantMessageContent(text="Hi")]
            yield ThreadItemDoneEvent(item=answer)
            hidden = HiddenContextItem(id="hid_1", content="for the agent", **common)
            yield ThreadItemDoneEvent(item=hidden)
            seen["at the end"] = await self.stored(thread, context)
            raise RuntimeError("the model failed")

    server = Server(SQLiteStore(":memory:"))
    body = {
        "type": "threads.create",
        "user_id": "bob",
        "params": {"user_id": "bob", "input": INPUT},
    }
    result: Any = await server.process(json.dumps(body), RequestContext("alice"))
    seen["events"] = []
    async with aclosing(result.json_events) as frames:
        async for frame in frames:
            event = json.loads(frame.removeprefix(b"data: "))
            seen["events"].append(event["type"])
            if event["type"] == "thread.item.done" and event["item"]["type"] == "assistant_message":
                page = await server.store.load_thread_items(
                    event["item"]["thread_id"], None, 20, "asc", RequestContext("alice")
                )
                seen["when done is sent"] = [item.type for item in page.data]
    yield seen
    await server.store.database.close()  # type: ignore[attr-defined]


async def test_a_turn_goes_as_the_lesson_tells(seen: dict[str, Any]) -> None:
    assert seen["events"] == [
        "thread.created",
        "thread.item.done",
        "stream_options",
        "progress_update",
        "thread.item.added",
        "thread.item.updated",
        "thread.item.done",
        "error",  # and no event for the hidden item
    ]
    assert seen["before respond"] == ["user_message"]
    assert seen["after a piece"] == ["user_message"], "pieces and progress are not stored"
    assert seen["when done is sent"] == ["user_message", "assistant_message"]
    assert seen["at the end"] == ["user_message", "assistant_message", "hidden_context_item"]
    assert seen["context"].user_id == "alice", "nobody looks for a user in the body"


def test_the_status_is_200_although_respond_raises() -> None:
    from chatkit.server import ChatKitServer

    from shared.endpoint import chatkit_router
    from shared.store import SQLiteStore

    class Raises(ChatKitServer[Any]):
        async def respond(self, *_: Any) -> Any:
            raise RuntimeError("the model failed")
            yield

    app = FastAPI()
    app.include_router(chatkit_router(Raises(SQLiteStore(":memory:"))))
    with TestClient(app) as http:
        body = {"type": "threads.create", "params": {"input": INPUT}}
        answer = http.post("/chatkit", json=body)
    assert answer.status_code == 200
    assert '"type":"error"' in answer.text
    assert "assistant_message" not in answer.text
