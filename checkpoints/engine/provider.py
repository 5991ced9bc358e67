"""The model's provider, played on this machine: a local server that a test tells what to answer.

It speaks OpenAI's Responses and Chat Completions APIs over real HTTP, streamed or not, in the loop
of whoever starts it, and records each request:

    async with Provider() as provider:
        provider.reply(lambda call: Say("Four.") if "2+2" in call.user_texts[-1] else None)
        ...  # a client with base_url=provider.base_url
        assert provider.calls[0].instructions == "Be brief."

Streaming is proved without a stop-watch: a `Say` with a `Gate` sends each chunk only when the test
permits it.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from checkpoints.engine import wire
from checkpoints.engine.call import Call, Json, Message, ToolOutput, Wire
from checkpoints.engine.local import LocalServer
from checkpoints.engine.wire import ToolUse

__all__ = [
    "Call",
    "CallTools",
    "Fail",
    "Gate",
    "Message",
    "Provider",
    "Reply",
    "Say",
    "ToolOutput",
    "ToolUse",
]


class Gate:
    """Lets a test decide when each chunk of a `Say` is sent. Closed at first."""

    def __init__(self) -> None:
        self._permits = asyncio.Semaphore(0)
        self._opened = False

    def allow(self, n: int = 1) -> None:
        """Permit `n` more chunks."""
        for _ in range(n):
            self._permits.release()

    def open(self) -> None:
        """Permit all that is still to come."""
        self._opened = True
        self._permits.release()

    async def passed(self) -> None:
        """Wait until one more chunk is permitted, and use up that permission."""
        await self._permits.acquire()
        if self._opened:
            self._permits.release()


@dataclass(frozen=True)
class Say:
    """Answer with text, one chunk a word. A str is split after each run of white space.

    With `hang` the answer stands still after its words, until the client goes away.
    """

    words: Sequence[str] | str
    gate: Gate | None = None
    hang: bool = False

    @property
    def chunks(self) -> Sequence[str]:
        """The text as it is sent, chunk by chunk."""
        return (
            re.findall(r"\s*\S+\s*|\s+", self.words) if isinstance(self.words, str) else self.words
        )


@dataclass(frozen=True)
class CallTools:
    """Answer with tool calls, for the client to run and come back with what they returned.

    With a `gate` it waits for one permission.
    """

    calls: Sequence[ToolUse]
    gate: Gate | None = None


@dataclass(frozen=True)
class Fail:
    """Answer with an error. The client is told not to retry, unless `retry`."""

    status: int
    code: str | None
    message: str
    retry: bool = False


Reply: TypeAlias = Say | CallTools | Fail
Rule: TypeAlias = Callable[[Call], Reply | None]


class Provider(LocalServer):
    """A model provider on a free port of 127.0.0.1, for as long as its `async with` lasts."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Call] = []
        """Every request to a model, in order of arrival, the refused ones too."""
        self._rules: list[Rule] = []
        self._arrival = asyncio.Condition()

    @property
    def base_url(self) -> str:
        """`http://127.0.0.1:<port>/v1`."""
        return f"{self.address}/v1"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make a server ask this provider."""
        return {
            "OPENAI_BASE_URL": self.base_url,
            "OPENAI_API_KEY": "sk-only-for-this-check",
            "CHATKIT_MODEL": "check-model",
        }

    def reply(self, rule: Rule) -> None:
        """Answer by `rule` from now on; where it returns None, by the rule given before it."""
        self._rules.append(rule)

    def forget(self) -> None:
        """Drop the rules and the recorded calls."""
        self._rules.clear()
        self.calls.clear()

    async def called(self, times: int = 1) -> Call:
        """Wait until that many calls are recorded. Returns the last of them."""
        async with self._arrival:
            await self._arrival.wait_for(lambda: len(self.calls) >= times)
        return self.calls[times - 1]

    def app(self) -> Starlette:
        """The routes of the two APIs."""

        async def responses(request: Request) -> Response:
            return await self._answer("responses", request)

        async def chat(request: Request) -> Response:
            return await self._answer("chat", request)

        async def models(_: Request) -> Response:
            return JSONResponse(wire.models())

        async def unknown(request: Request, _: Exception) -> Response:
            url = f"{request.method} {request.url.path}"
            return _failure(Fail(404, None, f"Invalid URL ({url})"))

        return Starlette(
            routes=[
                Route("/v1/responses", responses, methods=["POST"]),
                Route("/v1/chat/completions", chat, methods=["POST"]),
                Route("/v1/models", models),
            ],
            exception_handlers={404: unknown, 405: unknown},
        )

    async def _answer(self, kind: Wire, request: Request) -> Response:
        try:
            body = json.loads(await request.body())
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return _failure(Fail(400, None, "We could not parse the JSON body of your request."))
        call = Call(kind, bool(body.get("stream")), body, dict(request.headers))
        async with self._arrival:
            self.calls.append(call)
            self._arrival.notify_all()
        if call.refusal:
            reply: Reply = Fail(400, "invalid_value", call.refusal)
        else:
            reply = self._choose(call)
        if isinstance(reply, Fail):
            call.ended.set()
            return _failure(reply)
        return _Answer(call, reply)

    def _choose(self, call: Call) -> Reply:
        for rule in reversed(self._rules):
            try:
                reply = rule(call)
            except Exception as error:
                # To the client, for the test that gave the rule is waiting there.
                return Fail(500, "rule_failed", f"The rule for this call raised {error!r}.")
            if reply is not None:
                return reply
        return Say("ok")


class _Answer(StreamingResponse):
    """A reply on its way. It notes on the call how far it came.

    An answer in one piece is sent this way too: only a streaming response notices that the client
    went away while a gate is closed.
    """

    def __init__(self, call: Call, reply: Say | CallTools) -> None:
        media_type = "text/event-stream" if call.streamed else "application/json"
        super().__init__(self._body(call, reply), media_type=media_type)
        self._call = call
        self._complete = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._call.aborted = not self._complete
            self._call.ended.set()

    async def _body(self, call: Call, reply: Say | CallTools) -> AsyncIterator[str]:
        tools = reply.calls if isinstance(reply, CallTools) else ()
        words = _paced(call, reply)
        if isinstance(reply, CallTools) and reply.gate:
            await reply.gate.passed()
        if call.wire == "responses":
            async for event in wire.responses(call.body, tools, words):
                if call.streamed:
                    yield f"event: {event['type']}\n{_frame(event)}"
            if not call.streamed:
                yield json.dumps(event["response"])
        elif call.streamed:
            async for chunk in wire.chat(call.body, tools, words):
                yield _frame(chunk)
            yield "data: [DONE]\n\n"
        else:
            yield json.dumps(await wire.chat_completion(call.body, tools, words))
        self._complete = True


async def _paced(call: Call, reply: Say | CallTools) -> AsyncIterator[str]:
    """The reply's words, each when it may be sent."""
    if isinstance(reply, CallTools):
        return
    for chunk in reply.chunks:
        if reply.gate:
            await reply.gate.passed()
        # Without it a stream that never waits would run to its end before anyone else can act.
        await asyncio.sleep(0)
        call.sent += 1
        yield chunk
    if reply.hang:
        await asyncio.Event().wait()


def _frame(event: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(event, ensure_ascii=False)}\n\n"


def _failure(fail: Fail) -> JSONResponse:
    body: Json = wire.error(fail.message, status=fail.status, code=fail.code)
    # The openai client obeys this header; else it would try again after half a second.
    headers = {"x-should-retry": "true" if fail.retry else "false"}
    return JSONResponse(body, fail.status, headers)
