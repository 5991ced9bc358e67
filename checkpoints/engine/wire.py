"""Writes a reply in the provider's two wire formats, as plain dicts.

Both are server-sent events when streamed. The Responses API names each event and repeats the whole
answer in the last; Chat Completions sends anonymous chunks and closes with `[DONE]`.
"""

from __future__ import annotations

import itertools
import json
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

Json = dict[str, Any]
Words = AsyncIterator[str]


class ToolUse(NamedTuple):
    """A tool for the model to call, by name, with its arguments."""

    name: str
    arguments: Json


def new_id(prefix: str) -> str:
    """An id that no other item has."""
    return f"{prefix}_{uuid.uuid4().hex}"


def error(message: str, *, status: int = 400, code: str | None = None) -> Json:
    """The body of an answer with an error status."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def models() -> Json:
    """The body of `GET /v1/models`."""
    model = {"id": "double", "object": "model", "created": 0, "owned_by": "workbook"}
    return {"object": "list", "data": [model]}


async def responses(body: Json, tools: Sequence[ToolUse], words: Words) -> AsyncIterator[Json]:
    """The events of the Responses API: for the tool calls, or else for a message of the words.

    The last event's `response` is the whole answer.
    """
    number = itertools.count()
    output: list[Json] = []
    response: Json = {
        "id": new_id("resp"),
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "model": body["model"],
        "instructions": body.get("instructions"),
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": body.get("tools") or [],
        "error": None,
        "incomplete_details": None,
        "metadata": {},
        "temperature": 1.0,
        "top_p": 1.0,
        "usage": None,
    }

    def event(kind: str, **fields: Any) -> Json:
        return {"type": f"response.{kind}", "sequence_number": next(number), **fields}

    yield event("created", response=response | {"output": []})
    for index, use in enumerate(tools):
        item: Json = {
            "id": new_id("fc"),
            "type": "function_call",
            "status": "in_progress",
            "call_id": new_id("call"),
            "name": use.name,
            "arguments": "",
        }
        place: Json = {"item_id": item["id"], "output_index": index}
        arguments = json.dumps(use.arguments, ensure_ascii=False)
        yield event("output_item.added", output_index=index, item=item)
        yield event("function_call_arguments.delta", **place, delta=arguments)
        yield event("function_call_arguments.done", **place, name=use.name, arguments=arguments)
        output.append(item | {"status": "completed", "arguments": arguments})
        yield event("output_item.done", output_index=index, item=output[-1])
    if not tools:
        item = {
            "id": new_id("msg"),
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        }
        place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
        part: Json = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        yield event("output_item.added", output_index=0, item=item)
        yield event("content_part.added", **place, part=part)
        text = ""
        async for word in words:
            text += word
            yield event("output_text.delta", **place, delta=word, logprobs=[])
        part = part | {"text": text}
        output.append(item | {"status": "completed", "content": [part]})
        yield event("output_text.done", **place, text=text, logprobs=[])
        yield event("content_part.done", **place, part=part)
        yield event("output_item.done", output_index=0, item=output[-1])

    received, made = _tokens(body), _tokens(output)
    usage = {
        "input_tokens": received,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": received + made,
    }
    yield event("completed", response=response | {"status": "completed", "usage": usage})


async def chat(body: Json, tools: Sequence[ToolUse], words: Words) -> AsyncIterator[Json]:
    """The chunks of a streamed chat completion, with usage last where the request asks for it."""
    head = _chat_head(body, "chat.completion.chunk")
    text = ""

    def chunk(delta: Json, finish_reason: str | None = None) -> Json:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return head | {"choices": [choice]}

    yield chunk({"role": "assistant", "content": None if tools else ""})
    for index, call in enumerate(_chat_tool_calls(tools)):
        # As OpenAI does it: the name comes first, then the arguments piece by piece.
        arguments = call["function"]["arguments"]
        opening = call | {"index": index, "function": call["function"] | {"arguments": ""}}
        yield chunk({"tool_calls": [opening]})
        for piece in (arguments[:1], arguments[1:]):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    if not tools:
        async for word in words:
            text += word
            yield chunk({"content": word})
    yield chunk({}, "tool_calls" if tools else "stop")
    if (body.get("stream_options") or {}).get("include_usage"):
        yield head | {"choices": [], "usage": _chat_usage(body, [text, tools])}


async def chat_completion(body: Json, tools: Sequence[ToolUse], words: Words) -> Json:
    """A chat completion that is not streamed."""
    message: Json = {"role": "assistant", "content": None, "refusal": None}
    if tools:
        message["tool_calls"] = _chat_tool_calls(tools)
    else:
        message["content"] = "".join([word async for word in words])
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": "tool_calls" if tools else "stop",
    }
    usage = _chat_usage(body, message)
    return _chat_head(body, "chat.completion") | {"choices": [choice], "usage": usage}


def _chat_head(body: Json, kind: str) -> Json:
    created = int(time.time())
    return {"id": new_id("chatcmpl"), "object": kind, "created": created, "model": body["model"]}


def _chat_tool_calls(tools: Sequence[ToolUse]) -> list[Json]:
    return [
        {
            "id": new_id("call"),
            "type": "function",
            "function": {
                "name": use.name,
                "arguments": json.dumps(use.arguments, ensure_ascii=False),
            },
        }
        for use in tools
    ]


def _chat_usage(body: Json, made: Any) -> Json:
    received, completed = _tokens(body), _tokens(made)
    return {
        "prompt_tokens": received,
        "completion_tokens": completed,
        "total_tokens": received + completed,
    }


def _tokens(value: Any) -> int:
    """A plausible figure for `usage`; nothing is judged by it."""
    return len(json.dumps(value)) // 4
