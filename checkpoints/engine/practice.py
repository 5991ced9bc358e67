"""A turn before anybody asks, so that what the SDKs build on their first turn is built by then.

A process that is forked afterwards has it all. The turn takes the way of a lesson's server, from the
request to a model that calls a tool; the model's provider is a function, and the SDKs stay as they
are: to adjust them is for the app that is served.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2  # what the openai package speaks HTTP with
from agents import Agent, Runner, function_tool
from chatkit.agents import AgentContext, simple_to_agent_input, stream_agent_response
from chatkit.server import ChatKitServer, StreamingResult
from chatkit.types import ChatKitReq, ThreadMetadata, ThreadStreamEvent, UserMessageItem
from fastapi import Depends, FastAPI, Request, Response
from openai import AsyncOpenAI

from shared import sdk
from shared.context import RequestContext, demo_context
from shared.database import Database
from shared.endpoint import HEARTBEAT_SECONDS, MAX_BODY_BYTES, EventStream
from shared.models.compatible import CompatibleModel
from shared.store import SQLiteStore

_CONTENT = [{"type": "input_text", "text": "Hello"}]
_QUESTION = {"content": _CONTENT, "attachments": [], "inference_options": {}}
_REQUEST = {"type": "threads.create", "params": {"input": _QUESTION}}


async def practise() -> None:
    """Answer one message. Raises RuntimeError where no answer came."""
    sdk.kept_adapter(ChatKitReq)
    database = Database(":memory:")
    async with (
        httpx2.AsyncClient(transport=httpx2.MockTransport(_provider)) as provider,
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(_app(SQLiteStore(database), provider)),
            base_url="http://practice",
        ) as person,
    ):
        answer = await person.post("/chatkit", json=_REQUEST)
    await database.close()
    if '"delta":"Hello."' not in answer.text:
        raise RuntimeError(f"The turn for practice had no answer: {answer.text}")


def _app(store: SQLiteStore, provider: httpx2.AsyncClient) -> FastAPI:
    app = FastAPI()
    server = _Server(store)
    client = AsyncOpenAI(api_key="none", base_url="http://practice", http_client=provider)
    server.agent = Agent(
        name="Practice", model=CompatibleModel("practice", client), tools=[function_tool(_look)]
    )

    @app.post("/chatkit", max_body_size=MAX_BODY_BYTES, response_class=Response)
    async def chatkit(request: Request, context: Any = Depends(demo_context)) -> Response:
        result = await server.process(await request.body(), context)
        assert isinstance(result, StreamingResult)
        return EventStream(b"", aiter(result), HEARTBEAT_SECONDS)

    return app


class _Server(ChatKitServer[RequestContext]):
    agent: Agent[Any]

    async def respond(
        self,
        thread: ThreadMetadata,
        input_user_message: UserMessageItem | None,
        context: RequestContext,
    ) -> AsyncIterator[ThreadStreamEvent]:
        assert input_user_message
        agent_context = AgentContext(thread=thread, store=self.store, request_context=context)
        question = await simple_to_agent_input(input_user_message)
        result = Runner.run_streamed(self.agent, question, context=agent_context)
        async for event in stream_agent_response(agent_context, result):
            yield event


def _look() -> str:
    """Look."""
    return "Nothing."


def _provider(request: httpx2.Request) -> httpx2.Response:
    """Chat Completions, streamed: a call of the tool, and an answer when it has returned."""
    call = {"index": 0, "id": "call_1", "type": "function"}
    call["function"] = {"name": "_look", "arguments": "{}"}
    returned = json.loads(request.content)["messages"][-1]["role"] == "tool"
    delta, reason = (
        ({"content": "Hello."}, "stop") if returned else ({"tool_calls": [call]}, "tool_calls")
    )
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "practice"}
    said = [
        {**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
        {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]},
    ]
    body = "".join(f"data: {json.dumps(one)}\n\n" for one in said)
    return httpx2.Response(
        200, text=f"{body}data: [DONE]\n\n", headers={"Content-Type": "text/event-stream"}
    )
