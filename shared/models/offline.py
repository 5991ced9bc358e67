"""The offline model: deterministic, stateless, streams word by word, calls tools, needs no network.

What it answers is `shared.models.brain`'s matter. This module is how it answers: as the Agents SDK
expects it of a model, at a settable pace, and with the error of a real provider for an input that
is larger than its context window.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx2  # the openai package's own HTTP library: its errors carry a response of this kind
from agents import (
    FunctionTool,
    Model,
    ModelResponse,
    ModelSettings,
    Tool,
    TResponseInputItem,
    Usage,
    UserError,
)
from agents.agent_output import AgentOutputSchemaBase
from agents.handoffs import Handoff
from agents.items import TResponseStreamEvent
from openai import BadRequestError
from openai.types.responses import ResponseUsage
from openai.types.responses.response_usage import InputTokensDetails, OutputTokensDetails

from shared import clock
from shared.models import reading
from shared.models.brain import decide
from shared.models.events import Item, events, new_item, text_of_item
from shared.models.tokens import count_tokens


class OfflineModel(Model):
    """Answers by rule, from its input alone.

    `words_per_second` is its pace when streamed; 0 means as fast as it can. `context_window` is in
    tokens as `count_tokens` counts them: of instructions, input and tools together.
    """

    def __init__(self, words_per_second: float = 25.0, context_window: int = 4096) -> None:
        self.words_per_second = words_per_second
        self.context_window = context_window

    async def get_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],
        model_settings: ModelSettings,
        tools: list[Tool],
        output_schema: AgentOutputSchemaBase | None,
        handoffs: list[Handoff],
        *_: Any,
        **__: Any,
    ) -> ModelResponse:
        """The whole answer at once.

        Raises `openai.BadRequestError` (code `context_length_exceeded`) for an input that is too
        large, and `agents.UserError` for an agent with an `output_type`.
        """
        item, usage = self._answer(system_instructions, input, tools, output_schema)
        await asyncio.sleep(0)
        return ModelResponse(
            output=[item],
            usage=Usage(
                requests=1,
                input_tokens=usage.input_tokens,
                output_tokens=usage.output_tokens,
                total_tokens=usage.total_tokens,
            ),
            response_id=None,
        )

    async def stream_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],
        model_settings: ModelSettings,
        tools: list[Tool],
        output_schema: AgentOutputSchemaBase | None,
        handoffs: list[Handoff],
        *_: Any,
        **__: Any,
    ) -> AsyncIterator[TResponseStreamEvent]:
        """The same answer as events, a delta for each word. Raises what `get_response` raises."""
        item, usage = self._answer(system_instructions, input, tools, output_schema)
        for event in events(item, usage):
            if event.type == "response.output_text.delta":
                await self._pace()
            yield event

    async def _pace(self) -> None:
        if self.words_per_second:
            await clock.sleep(1 / self.words_per_second)
        else:
            # The SDK puts events in a queue: without a pause the reader would get all at the end.
            await asyncio.sleep(0)

    def _answer(
        self,
        instructions: str | None,
        given: str | list[TResponseInputItem],
        tools: Sequence[Tool],
        output_schema: AgentOutputSchemaBase | None,
    ) -> tuple[Item, ResponseUsage]:
        if output_schema and not output_schema.is_plain_text():
            raise UserError(
                f"The offline model writes plain text, and this agent's output_type asks for "
                f"{output_schema.name()}. Remove the output_type, or use a real model."
            )
        items: Any = [{"role": "user", "content": given}] if isinstance(given, str) else given
        functions = [tool for tool in tools if isinstance(tool, FunctionTool)]
        tokens = count_tokens(items, instructions=instructions) + sum(
            count_tokens(f"{tool.name}{tool.description}{json.dumps(tool.params_json_schema)}")
            for tool in functions
        )
        if tokens > self.context_window:
            raise _too_large(self.context_window, tokens)
        offered = {
            tool.name: reading.Tool(tool.name, tool.params_json_schema) for tool in functions
        }
        item = new_item(decide(reading.read(instructions, items, offered, tokens)))
        made = count_tokens(text_of_item(item))
        return item, ResponseUsage(
            input_tokens=tokens,
            input_tokens_details=InputTokensDetails(cached_tokens=0, cache_write_tokens=0),
            output_tokens=made,
            output_tokens_details=OutputTokensDetails(reasoning_tokens=0),
            total_tokens=tokens + made,
        )


def _too_large(window: int, tokens: int) -> BadRequestError:
    """What the openai client raises when OpenAI's servers refuse an input for its size."""
    error = {
        "message": (
            f"This model's maximum context length is {window} tokens. However, your messages "
            f"resulted in {tokens} tokens. Please reduce the length of the messages."
        ),
        "type": "invalid_request_error",
        "param": "input",
        "code": "context_length_exceeded",
    }
    request = httpx2.Request("POST", "http://offline.invalid/v1/responses")
    return BadRequestError(
        f"Error code: 400 - {{'error': {error}}}",
        response=httpx2.Response(400, request=request, json={"error": error}),
        body=error,
    )
