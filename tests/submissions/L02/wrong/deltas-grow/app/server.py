"""The ChatKit server for an agent that is not built on the Agents SDK."""

import json
from collections.abc import AsyncIterator

import httpx
from chatkit.server import ChatKitServer
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
)

from shared import clock
from shared.context import RequestContext
from shared.settings import get_settings


async def ask_vendor(question: str) -> AsyncIterator[str]:
    """Stands for any vendor's SDK that streams text: here a plain request, word by word."""
    settings = get_settings()
    if settings.offline:
        yield f"No vendor is configured, so I only repeat: {question}"
        return
    request = {
        "model": settings.model,
        "stream": True,
        "messages": [
            {"role": "system", "content": "You are the vendor's assistant."},
            {"role": "user", "content": question},
        ],
    }
    async with (
        httpx.AsyncClient(
            base_url=settings.base_url or "https://api.openai.com/v1",
            headers={"Authorization": f"Bearer {settings.api_key}"},
        ) as vendor,
        vendor.stream("POST", "/chat/completions", json=request) as answer,
    ):
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if line.startswith("data: {"):
                for choice in json.loads(line[6:])["choices"]:
                    if word := choice["delta"].get("content"):
                        yield word


def text_of(message: UserMessageItem) -> str:
    return "".join(part.text for part in message.content)


class TaskServer(ChatKitServer[RequestContext]):
    """Answers with another vendor's agent."""

    async def respond(
        self,
        thread: ThreadMetadata,
        input_user_message: UserMessageItem | None,
        context: RequestContext,
    ) -> AsyncIterator[ThreadStreamEvent]:
        if input_user_message is None:
            return
        item = AssistantMessageItem(
            id=self.store.generate_item_id("message", thread, context),
            thread_id=thread.id,
            created_at=clock.now(),
            content=[],
        )
        yield ThreadItemAddedEvent(item=item)
        text = ""
        async for word in ask_vendor(text_of(input_user_message)):
            text += word
            yield ThreadItemUpdatedEvent(
                item_id=item.id,
                update=AssistantMessageContentPartTextDelta(content_index=0, delta=text),
            )
        item.content = [AssistantMessageContent(text=text)]
        yield ThreadItemDoneEvent(item=item)
