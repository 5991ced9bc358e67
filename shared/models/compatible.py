"""Any server that speaks OpenAI's Chat Completions: Ollama, vLLM, LiteLLM, Gemini and others.

The Agents SDK's own class for this has two faults when ChatKit is built on it (openai-agents
0.24.0). `tests/shared/test_real_models.py` says when a newer version no longer has them.

1. **Every item has the id `__fake_id__`.** ChatKit stores an answer under its item's id, so the
   second answer overwrites the first.
2. **Assistant messages from ChatKit's history are refused.** `ThreadItemConverter` writes them as
   parts of type `output_text`, and the SDK raises `UserError: Unknown content`.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, cast

from agents import ModelResponse, OpenAIChatCompletionsModel, TResponseInputItem
from agents.items import TResponseStreamEvent

from shared.models.tokens import text_of

_PREFIXES = {"message": "msg", "function_call": "fc", "reasoning": "rs"}


class CompatibleModel(OpenAIChatCompletionsModel):
    """`OpenAIChatCompletionsModel` with unique item ids and assistant history that arrives."""

    async def get_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],
        *args: Any,
        **kwargs: Any,
    ) -> ModelResponse:
        """As the SDK's, mended."""
        response = await super().get_response(
            system_instructions, plain_history(input), *args, **kwargs
        )
        for item in response.output:
            _set_id(item, _new_id(item))
        return response

    async def stream_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],
        *args: Any,
        **kwargs: Any,
    ) -> AsyncIterator[TResponseStreamEvent]:
        """As the SDK's, mended. An item keeps its id from the first event to the last."""
        events = super().stream_response(system_instructions, plain_history(input), *args, **kwargs)
        ids: dict[int, str] = {}  # by the item's place in the output
        async with aclosing(cast(AsyncGenerator[TResponseStreamEvent], events)):
            async for event in events:
                _name_items(event, ids)
                yield event


def plain_history(
    given: str | list[TResponseInputItem],
) -> str | list[TResponseInputItem]:
    """The input with each assistant message's text as a plain string. The rest is as it was."""
    if isinstance(given, str):
        return given
    return [_plain(item) for item in given]


def _plain(item: Any) -> TResponseInputItem:
    if item.get("role") != "assistant" or "id" in item:  # with an id the SDK reads it rightly
        return cast(TResponseInputItem, item)
    return {"role": "assistant", "content": text_of(item.get("content"))}


def _name_items(event: Any, ids: dict[int, str]) -> None:
    """Give the items that an event carries, and the item that it is about, their ids."""
    if hasattr(event, "item"):
        _set_id(event.item, ids.setdefault(event.output_index, _new_id(event.item)))
    elif hasattr(event, "item_id"):
        event.item_id = ids.get(event.output_index, event.item_id)
    elif hasattr(event, "response"):
        for index, item in enumerate(event.response.output):
            _set_id(item, ids.setdefault(index, _new_id(item)))


def _new_id(item: Any) -> str:
    return f"{_PREFIXES.get(item.type, 'item')}_{uuid.uuid4().hex}"


def _set_id(item: Any, item_id: str) -> None:
    item.id = item_id
