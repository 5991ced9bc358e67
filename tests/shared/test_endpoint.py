"""The endpoint over real HTTP: what can go wrong is said before the stream, or at its end."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import httpx
import pytest
from chatkit.actions import Action
from chatkit.server import ChatKitServer, NonStreamingResult, StreamingResult
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    ClientToolCallItem,
    SyncCustomActionResponse,
    ThreadItemDoneEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
    UserMessageTextContent,
    WidgetItem,
)
from fastapi import FastAPI, Header, HTTPException

from shared import clock
from shared.any_database import DatabaseError
from shared.context import RequestContext
from shared.endpoint import chatkit_router
from shared.store import SQLiteStore
from tests.shared.serving import serving

Json = dict[str, Any]
Respond = Callable[[ThreadMetadata], AsyncIterator[ThreadStreamEvent]]


def said(thread: ThreadMetadata, text: str = "Hello.") -> ThreadItemDoneEvent:
    """The finished answer."""
    item = AssistantMessageItem(
        id=f"msg_{text}",
        thread_id=thread.id,
        created_at=clock.now(),
        content=[AssistantMessageContent(text=text)],
    )
    return ThreadItemDoneEvent(item=item)


async def hello(thread: ThreadMetadata) -> AsyncIterator[ThreadStreamEvent]:
    yield said(thread)


class Talk(ChatKitServer[RequestContext]):
    """A server whose answer each test gives."""

    def __init__(self, file: Path, respond: Respond = hello) -> None:
        self.database_store = SQLiteStore[RequestContext](file)
        super().__init__(self.database_store)
        self.answer = respond

    async def respond(
        self,
        thread: ThreadMetadata,
        input_user_message: UserMessageItem | None,
        context: RequestContext,
    ) -> AsyncIterator[ThreadStreamEvent]:
        async for event in self.answer(thread):
            yield event

    async def threads(self) -> list[ThreadMetadata]:
        context = RequestContext("you")
        return (await self.store.load_threads(100, None, "asc", context)).data


class Acting(Talk):
    """A server with actions as well."""

    async def action(
        self,
        thread: ThreadMetadata,
        action: Action[str, Any],
        sender: WidgetItem | None,
        context: RequestContext,
    ) -> AsyncIterator[ThreadStreamEvent]:
        yield said(thread, action.type)

    async def sync_action(
        self,
        thread: ThreadMetadata,
        action: Action[str, Any],
        sender: WidgetItem | None,
        context: RequestContext,
    ) -> SyncCustomActionResponse:
        return SyncCustomActionResponse()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "chatkit.db"


@asynccontextmanager
async def client(server: Talk, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(chatkit_router(server, **options))
    async with serving(app) as http:
        yield http
    await server.database_store.database.close()


def request(operation: str, **params: Any) -> Json:
    return {"type": operation, "params": params}


def message(text: str = "Hi.", **more: Any) -> Json:
    content = [{"type": "input_text", "text": text}]
    return {"content": content, "attachments": [], "inference_options": {}, **more}


TAG: Json = {"type": "input_tag", "id": "t", "text": "you", "data": {}, "interactive": False}


def frames(body: str) -> list[Json]:
    """The events of a stream, which must consist of whole frames and comments only."""
    *parts, rest = body.split("\n\n")
    assert rest == ""
    return [json.loads(part.removeprefix("data: ")) for part in parts if part[0] != ":"]


async def opened(http: httpx.AsyncClient) -> list[Json]:
    """The events of a first message."""
    response = await http.post("/chatkit", json=request("threads.create", input=message()))
    assert response.status_code == 200
    return frames(response.text)


def assert_refused(response: httpx.Response, *statuses: int) -> None:
    assert response.status_code in statuses, response.text
    assert response.json()["detail"]


# Requests that are none

LEVELS = 100_000
BROKEN: dict[str, bytes] = {
    "empty": b"",
    "white-space": b" \n",
    "malformed": b'{"type": ',
    "array": b"[]",
    "null": b"null",
    "string": b'"threads.create"',
    "bad-utf-8": b'{"type": "threads.list", "params": {"after": "\xff"}}',
    "lone-surrogate": json.dumps(
        request("threads.create", input=message("\ud800")), ensure_ascii=True
    ).encode(),
    "no-type": b'{"params": {}}',
    "unknown-operation": b'{"type": "threads.explode", "params": {}}',
    "no-params": b'{"type": "threads.create"}',
    "missing-param": b'{"type": "threads.get_by_id", "params": {}}',
    "wrong-type": b'{"type": "threads.get_by_id", "params": {"thread_id": 5}}',
    "wrong-order": b'{"type": "threads.list", "params": {"order": "sideways"}}',
    "deep": b'{"type": "threads.list", "params": {}, "metadata": '
    + b'{"a":' * LEVELS
    + b"1"
    + b"}" * LEVELS
    + b"}",
    "deep-array": b"[" * LEVELS + b"]" * LEVELS,
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_is_no_request_is_refused_with_a_sentence(name: str, file: Path) -> None:
    server = Talk(file)
    async with client(server) as http:
        assert_refused(await http.post("/chatkit", content=BROKEN[name]), 400, 422)
        assert await server.threads() == []


async def test_a_large_body_is_refused_with_and_without_its_length(file: Path) -> None:
    body = json.dumps(request("threads.create", input=message("x" * 10_000_000))).encode()

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65536):
            yield body[start : start + 65536]

    server = Talk(file)
    async with client(server) as http:
        for content in (body, chunks()):
            assert (await http.post("/chatkit", content=content)).status_code == 413
        assert await server.threads() == []
        assert await opened(http), "and the next one is served"


@pytest.mark.parametrize("user", [b"a\tb", b"a\xa0b", b"x" * 65])
async def test_a_user_name_that_is_none_is_refused(user: bytes, file: Path) -> None:
    server = Talk(file)
    async with client(server) as http:
        response = await http.post(
            "/chatkit",
            json=request("threads.create", input=message()),
            headers=[(b"X-Demo-User", user)],
        )
        assert response.status_code == 400
        assert await server.threads() == []


async def test_who_hangs_up_while_sending_is_no_error(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server = Talk(file)
    async with client(server) as http:
        _, writer = await raw(http, length=1000, body=b'{"type"')
        writer.close()
        await writer.wait_closed()
        await opened(http)
    assert [one.message for one in caplog.records if one.levelno >= logging.ERROR] == []


async def raw(
    http: httpx.AsyncClient, *, length: int, body: bytes
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Begin a POST by hand."""
    url = urlsplit(str(http.base_url))
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(
        f"POST /chatkit HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {length}\r\n\r\n".encode()
        + body
    )
    await writer.drain()
    return reader, writer


# Who is speaking


async def test_the_context_refuses_before_the_body_is_read(file: Path) -> None:
    def nobody(authorization: Annotated[str | None, Header()] = None) -> RequestContext:
        raise HTTPException(401, "Sign in.", headers={"WWW-Authenticate": "Bearer"})

    async with client(Talk(file), context=nobody) as http:
        reader, writer = await raw(http, length=1000, body=b"")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 401")
        assert b"www-authenticate: Bearer" in head
        writer.close()


async def test_the_context_reaches_the_server(file: Path) -> None:
    seen: list[RequestContext] = []

    class Noting(Talk):
        async def process(
            self, request: str | bytes | bytearray, context: RequestContext
        ) -> StreamingResult | NonStreamingResult:
            seen.append(context)
            return await super().process(request, context)

    async with client(Noting(file)) as http:
        for headers in ({}, {"X-Demo-User": "bob"}, {"X-Demo-User": ""}):
            await http.post("/chatkit", json=request("threads.list"), headers=headers)
    assert [context.user_id for context in seen] == ["you", "bob", "you"]


# Threads and items that are not there, or not in that state

NOWHERE = {"thread_id": "thr_nowhere"}
LOADING = [
    request("threads.get_by_id", **NOWHERE),
    request("threads.update", **NOWHERE, title="New"),
    request("threads.add_user_message", **NOWHERE, input=message()),
    request("threads.retry_after_item", **NOWHERE, item_id="msg_1"),
    request("threads.add_client_tool_output", **NOWHERE, result={}),
    request("threads.add_structured_input", **NOWHERE, item_id="si_1", input={}),
    request("threads.custom_action", **NOWHERE, action={"type": "press"}),
    request("threads.sync_custom_action", **NOWHERE, action={"type": "press"}),
]


@pytest.mark.parametrize("body", LOADING, ids=lambda body: body["type"])
async def test_an_unknown_thread_is_404_before_any_stream(body: Json, file: Path) -> None:
    async with client(Acting(file)) as http:
        assert_refused(await http.post("/chatkit", json=body), 404)


async def test_requests_that_do_not_fit_the_thread_are_refused(file: Path) -> None:
    server = Acting(file)
    async with client(server) as http:
        events = await opened(http)
        thread = {"thread_id": events[0]["thread"]["id"]}
        answer = events[-1]["item"]["id"]
        refused: list[tuple[int, Json]] = [
            (409, request("threads.retry_after_item", **thread, item_id=answer)),
            (404, request("threads.retry_after_item", **thread, item_id="msg_nowhere")),
            (409, request("threads.add_client_tool_output", **thread, result={})),
            (409, request("threads.add_structured_input", **thread, item_id=answer, input={})),
            (404, request("threads.add_structured_input", **thread, item_id="x", input={})),
            (
                404,
                request("threads.custom_action", **thread, item_id="x", action={"type": "press"}),
            ),
            (
                409,
                request(
                    "threads.sync_custom_action", **thread, item_id=answer, action={"type": "press"}
                ),
            ),
        ]
        for status, body in refused:
            assert_refused(await http.post("/chatkit", json=body), status)
        listed = (await http.post("/chatkit", json=request("items.list", **thread))).json()
        assert [item["type"] for item in listed["data"]] == ["assistant_message", "user_message"]


async def test_a_client_tool_reports_back_once(file: Path) -> None:
    async def ask_the_page(thread: ThreadMetadata) -> AsyncIterator[ThreadStreamEvent]:
        call = ClientToolCallItem(
            id="tc_1",
            thread_id=thread.id,
            created_at=clock.now(),
            call_id="call_1",
            name="selection",
            arguments={},
        )
        yield ThreadItemDoneEvent(item=call)

    server = Talk(file, ask_the_page)
    async with client(server) as http:
        thread = (await opened(http))[0]["thread"]["id"]
        body = request("threads.add_client_tool_output", thread_id=thread, result={"ok": True})
        server.answer = hello
        first = await http.post("/chatkit", json=body)
        assert frames(first.text)[-1]["item"]["content"][0]["text"] == "Hello."
        assert_refused(await http.post("/chatkit", json=body), 409)


async def test_a_database_that_is_gone_is_a_503_without_its_name(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Gone(Talk):
        async def process(
            self, request: str | bytes | bytearray, context: RequestContext
        ) -> StreamingResult | NonStreamingResult:
            raise DatabaseError(f"The database {file} cannot be opened.")

    async with client(Gone(file)) as http:
        response = await http.post("/chatkit", json=request("threads.list"))
        assert_refused(response, 503)
    assert str(file) not in response.text
    assert str(file) in caplog.text


async def test_a_fault_of_the_server_is_not_blamed_on_the_request(file: Path) -> None:
    class Broken(Talk):
        async def process(
            self, request: str | bytes | bytearray, context: RequestContext
        ) -> StreamingResult | NonStreamingResult:
            UserMessageTextContent.model_validate({})
            raise AssertionError("a ValidationError came before")

    async with client(Broken(file)) as http:
        response = await http.post("/chatkit", json=request("threads.list"))
        assert response.status_code == 500


@pytest.mark.parametrize("limit", [-5, 0, 10**9, 10**30])
async def test_no_limit_is_too_strange(limit: int, file: Path) -> None:
    async with client(Talk(file)) as http:
        thread = (await opened(http))[0]["thread"]["id"]
        for body in (
            request("threads.list", limit=limit),
            request("items.list", thread_id=thread, limit=limit),
        ):
            response = await http.post("/chatkit", json=body)
            assert response.status_code == 200
            assert 1 <= len(response.json()["data"]) <= 2


async def test_a_cursor_that_is_not_there_is_404(file: Path) -> None:
    async with client(Talk(file)) as http:
        thread = (await opened(http))[0]["thread"]["id"]
        for body in (
            request("threads.list", after="thr_nowhere"),
            request("items.list", thread_id=thread, after="'; DROP TABLE items; --"),
        ):
            assert_refused(await http.post("/chatkit", json=body), 404)


# What a server does not offer

NOT_OFFERED = [
    request("attachments.create", name="a.txt", size=1, mime_type="text/plain"),
    request("attachments.delete", attachment_id="atc_1"),
    request("input.transcribe", audio_base64="", mime_type="audio/webm"),
    request("threads.create", input=message(attachments=["atc_1"])),
    request("threads.create", input=message(content=[TAG])),
    request("threads.add_user_message", **NOWHERE, input=message(attachments=["atc_1"])),
    request("threads.custom_action", **NOWHERE, action={"type": "press"}),
    request("threads.sync_custom_action", **NOWHERE, action={"type": "press"}),
]


@pytest.mark.parametrize(
    "body", NOT_OFFERED, ids=lambda body: body["type"] + "+" * bool(body["params"].get("input"))
)
async def test_what_is_not_offered_is_501_and_leaves_nothing_behind(body: Json, file: Path) -> None:
    server = Talk(file)
    async with client(server) as http:
        assert_refused(await http.post("/chatkit", json=body), 501)
        assert await server.threads() == []


async def test_actions_that_are_offered_work(file: Path) -> None:
    async with client(Acting(file)) as http:
        thread = (await opened(http))[0]["thread"]["id"]
        action = {"type": "press", "payload": {"n": 1}}
        streamed = await http.post(
            "/chatkit", json=request("threads.custom_action", thread_id=thread, action=action)
        )
        assert frames(streamed.text)[-1]["item"]["content"][0]["text"] == "press"
        answered = await http.post(
            "/chatkit", json=request("threads.sync_custom_action", thread_id=thread, action=action)
        )
        assert (answered.status_code, answered.json()) == (200, {})


# The stream


async def test_a_stream_says_what_it_is(file: Path) -> None:
    async with client(Talk(file)) as http:
        response = await http.post("/chatkit", json=request("threads.create", input=message()))
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-cache"
        assert response.headers["x-accel-buffering"] == "no"
        listed = await http.post("/chatkit", json=request("threads.list"))
        assert listed.headers["content-type"] == "application/json"


async def test_each_frame_leaves_when_it_is_made(file: Path) -> None:
    arrived = asyncio.Queue[None]()

    async def in_steps(thread: ThreadMetadata) -> AsyncIterator[ThreadStreamEvent]:
        for number in range(5):
            yield said(thread, str(number))
            await arrived.get()  # until the reader has it

    async with (
        client(Talk(file, in_steps)) as http,
        http.stream(
            "POST", "/chatkit", json=request("threads.create", input=message())
        ) as response,
    ):
        seen = ""
        async for text in response.aiter_text():
            seen += text
            if "msg_" in text and "assistant_message" in text:
                arrived.put_nowait(None)
    assert len([one for one in frames(seen) if one["type"] == "thread.item.done"]) == 6


async def raising(thread: ThreadMetadata) -> AsyncIterator[ThreadStreamEvent]:
    yield said(thread)
    raise ValueError("a secret of the server")


async def no_event(thread: ThreadMetadata) -> AsyncIterator[Any]:
    yield said(thread)
    yield "a string"


@pytest.mark.parametrize("respond", [raising, no_event])
async def test_what_breaks_in_the_stream_ends_it_with_an_error_event(
    respond: Respond, file: Path
) -> None:
    async with client(Talk(file, respond)) as http:
        response = await http.post("/chatkit", json=request("threads.create", input=message()))
        events = frames(response.text)
        assert [one["type"] for one in events[-2:]] == ["thread.item.done", "error"]
        assert "secret" not in response.text
        thread = events[0]["thread"]["id"]
        listed = await http.post("/chatkit", json=request("items.list", thread_id=thread))
        assert len(listed.json()["data"]) == 2, "what came before is kept"


class Silent(Talk):
    """Its stream is made by hand: half a frame, silence, the other half, silence."""

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self.go_on = asyncio.Event()
        self.end = asyncio.Event()

    async def process(
        self, request: str | bytes | bytearray, context: RequestContext
    ) -> StreamingResult | NonStreamingResult:
        async def stream() -> AsyncIterator[bytes]:
            yield b'data: {"type": '
            await self.go_on.wait()
            yield b'"notice"}\n\n'
            await self.end.wait()
            yield b'data: {"type": "notice"}\n\n'

        return StreamingResult(stream())  # type: ignore[arg-type]


async def test_heartbeats_fill_the_silence_and_stay_out_of_frames(file: Path) -> None:
    server = Silent(file)
    async with (
        client(server, heartbeat_seconds=0.01) as http,
        http.stream("POST", "/chatkit", json=request("threads.list")) as response,
    ):
        seen = ""
        asyncio.get_running_loop().call_later(0.1, server.go_on.set)  # ten heartbeats could come
        async for text in response.aiter_text():
            seen += text
            if seen.count(": still here\n\n") >= 3:
                server.end.set()
    assert frames(seen) == [{"type": "notice"}] * 2
    assert seen.startswith('data: {"type": "notice"}\n\n')


async def test_a_reader_who_leaves_ends_the_generator(file: Path) -> None:
    ended = asyncio.Event()
    reason: list[type[BaseException]] = []

    async def for_ever(thread: ThreadMetadata) -> AsyncIterator[ThreadStreamEvent]:
        try:
            yield said(thread)
            await asyncio.Event().wait()
        except BaseException as error:
            reason.append(type(error))
            raise
        finally:
            ended.set()

    async with client(Talk(file, for_ever)) as http:
        async with http.stream(
            "POST", "/chatkit", json=request("threads.create", input=message())
        ) as response:
            async for text in response.aiter_text():
                if "Hello." in text:
                    break
        await ended.wait()
        assert reason == [asyncio.CancelledError]
        assert (await http.post("/chatkit", json=request("threads.list"))).status_code == 200


async def test_times_are_utc_wherever_the_machine_stands(
    file: Path, monkeypatch: pytest.MonkeyPatch, in_tokyo: None
) -> None:
    before = datetime.now(UTC)
    async with client(Talk(file)) as http:
        events = await opened(http)
        thread = events[0]["thread"]["id"]
        found = (
            await http.post("/chatkit", json=request("threads.get_by_id", thread_id=thread))
        ).json()
    after = datetime.now(UTC)
    times = [events[0]["thread"]["created_at"], found["created_at"]]
    times += [event["item"]["created_at"] for event in events if "item" in event]
    times += [item["created_at"] for item in found["items"]["data"]]
    assert len(times) == 6
    for text in times:
        assert text.endswith("Z")
        assert before <= datetime.fromisoformat(text) <= after


@pytest.fixture
def in_tokyo() -> Iterator[None]:
    """The machine's own time is nine hours ahead."""
    was = os.environ.get("TZ")
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()
    yield
    if was is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = was
    time.tzset()
