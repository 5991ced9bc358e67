"""A finished answer as the events in which a real model would have streamed it.

The order and the fields are those of OpenAI's Responses API, which the Agents SDK expects of every
model. Each item has an id of its own: ChatKit stores a message under it.
"""

from __future__ import annotations

import itertools
import re
import time
import uuid
from collections.abc import Iterator
from typing import TypeAlias

from agents.items import TResponseStreamEvent
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseContentPartAddedEvent,
    ResponseContentPartDoneEvent,
    ResponseCreatedEvent,
    ResponseFunctionCallArgumentsDeltaEvent,
    ResponseFunctionCallArgumentsDoneEvent,
    ResponseFunctionToolCall,
    ResponseOutputItemAddedEvent,
    ResponseOutputItemDoneEvent,
    ResponseOutputMessage,
    ResponseOutputText,
    ResponseTextDeltaEvent,
    ResponseTextDoneEvent,
    ResponseUsage,
)

from shared.models.answers import Decision, Say

MODEL = "offline"

Item: TypeAlias = ResponseOutputMessage | ResponseFunctionToolCall


def new_item(decision: Decision) -> Item:
    """The decision as a finished output item with fresh ids."""
    if isinstance(decision, Say):
        return _message(_new_id("msg"), decision.text)
    return ResponseFunctionToolCall(
        id=_new_id("fc"),
        call_id=_new_id("call"),
        name=decision.tool,
        arguments=decision.arguments,
        status="completed",
        type="function_call",
    )


def events(item: Item, usage: ResponseUsage) -> Iterator[TResponseStreamEvent]:
    """All events of an answer that consists of this item, a text delta for each word."""
    number = itertools.count()
    response = Response(
        id=_new_id("resp"),
        created_at=time.time(),
        model=MODEL,
        object="response",
        output=[],
        parallel_tool_calls=False,
        tool_choice="auto",
        tools=[],
        status="in_progress",
    )
    yield ResponseCreatedEvent(
        response=response, sequence_number=next(number), type="response.created"
    )
    if isinstance(item, ResponseOutputMessage):
        yield from _message_events(item, number)
    else:
        yield from _call_events(item, number)
    yield ResponseCompletedEvent(
        response=response.model_copy(
            update={"output": [item], "status": "completed", "usage": usage}
        ),
        sequence_number=next(number),
        type="response.completed",
    )


def text_of_item(item: Item) -> str:
    """What the model wrote to make this item."""
    if isinstance(item, ResponseFunctionToolCall):
        return f"{item.name}{item.arguments}"
    return "".join(part.text for part in item.content if isinstance(part, ResponseOutputText))


def _message_events(
    item: ResponseOutputMessage, number: Iterator[int]
) -> Iterator[TResponseStreamEvent]:
    text = text_of_item(item)
    yield ResponseOutputItemAddedEvent(
        item=item.model_copy(update={"content": [], "status": "in_progress"}),
        output_index=0,
        sequence_number=next(number),
        type="response.output_item.added",
    )
    yield ResponseContentPartAddedEvent(
        part=_part(""),
        item_id=item.id,
        output_index=0,
        content_index=0,
        sequence_number=next(number),
        type="response.content_part.added",
    )
    for word in re.findall(r"\S+\s*|\s+", text):
        yield ResponseTextDeltaEvent(
            delta=word,
            item_id=item.id,
            output_index=0,
            content_index=0,
            logprobs=[],
            sequence_number=next(number),
            type="response.output_text.delta",
        )
    yield ResponseTextDoneEvent(
        text=text,
        item_id=item.id,
        output_index=0,
        content_index=0,
        logprobs=[],
        sequence_number=next(number),
        type="response.output_text.done",
    )
    yield ResponseContentPartDoneEvent(
        part=_part(text),
        item_id=item.id,
        output_index=0,
        content_index=0,
        sequence_number=next(number),
        type="response.content_part.done",
    )
    yield ResponseOutputItemDoneEvent(
        item=item,
        output_index=0,
        sequence_number=next(number),
        type="response.output_item.done",
    )


def _call_events(
    item: ResponseFunctionToolCall, number: Iterator[int]
) -> Iterator[TResponseStreamEvent]:
    item_id = item.id or ""
    yield ResponseOutputItemAddedEvent(
        item=item.model_copy(update={"arguments": "", "status": "in_progress"}),
        output_index=0,
        sequence_number=next(number),
        type="response.output_item.added",
    )
    yield ResponseFunctionCallArgumentsDeltaEvent(
        delta=item.arguments,
        item_id=item_id,
        output_index=0,
        sequence_number=next(number),
        type="response.function_call_arguments.delta",
    )
    yield ResponseFunctionCallArgumentsDoneEvent(
        arguments=item.arguments,
        item_id=item_id,
        output_index=0,
        sequence_number=next(number),
        type="response.function_call_arguments.done",
    )
    yield ResponseOutputItemDoneEvent(
        item=item,
        output_index=0,
        sequence_number=next(number),
        type="response.output_item.done",
    )


def _message(item_id: str, text: str) -> ResponseOutputMessage:
    return ResponseOutputMessage(
        id=item_id, content=[_part(text)], role="assistant", status="completed", type="message"
    )


def _part(text: str) -> ResponseOutputText:
    return ResponseOutputText(text=text, annotations=[], logprobs=[], type="output_text")


def _new_id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex}"
