"""A `ChatKitServer` as one FastAPI route that also gets the errors right.

ChatKit's protocol is one `POST` with sixteen operations: six answer with a stream of server-sent
events, ten with JSON. `server.process(body, context)` does the work; this module translates what
can go wrong into HTTP *before* a stream begins, for after the `200` no status can be sent any more.

What it leaves to your server on purpose: what should happen when somebody stops reading (lesson 3).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

from chatkit.errors import ErrorCode
from chatkit.server import ChatKitServer, StreamingResult
from chatkit.store import NotFoundError
from chatkit.types import (
    AttachmentsCreateReq,
    AttachmentsDeleteReq,
    ChatKitReq,
    ErrorEvent,
    InputTranscribeReq,
    ThreadsAddUserMessageReq,
    ThreadsCreateReq,
    ThreadsCustomActionReq,
    ThreadsRetryAfterItemReq,
    ThreadsSyncCustomActionReq,
)
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import ValidationError
from starlette.requests import ClientDisconnect
from starlette.types import Send

from shared import sdk
from shared.any_database import DatabaseError
from shared.context import demo_context

MAX_BODY_BYTES = 1_000_000
HEARTBEAT_SECONDS = 15.0

logger = logging.getLogger("workbook.endpoint")


def chatkit_router(
    server: ChatKitServer[Any],
    context: Callable[..., Any] = demo_context,
    *,
    path: str = "/chatkit",
    max_body_bytes: int = MAX_BODY_BYTES,
    heartbeat_seconds: float = HEARTBEAT_SECONDS,
) -> APIRouter:
    """Return a router with `POST path`, to be handed to `app.include_router`.

    `context` is a FastAPI dependency. What it returns is the request context; what it raises (a 401,
    say) is answered before a byte of the body is read.

    | what arrives                                   | the answer                               |
    | ---------------------------------------------- | ---------------------------------------- |
    | not JSON, or no ChatKit request                | 400, 422                                 |
    | a thread or item that is not there             | 404                                      |
    | a request that does not fit the thread's state | 409                                      |
    | more than `max_body_bytes`                     | 413                                      |
    | an operation the server does not offer         | 501, before anything is stored           |
    | (while the database cannot be used)            | 503                                      |
    | anything else                                  | `text/event-stream`, or JSON             |
    """
    sdk.adjust()
    router = APIRouter()

    @router.post(path, max_body_size=max_body_bytes, response_class=Response)
    async def chatkit(request: Request, request_context: Any = Depends(context)) -> Response:
        try:
            body = await request.body()
        except ClientDisconnect:
            raise HTTPException(400, "The body ended before it was complete.") from None
        parsed = _parse(body)
        _refuse_what_is_not_offered(server, parsed)
        try:
            # What was checked, and no more: a server may read it without checking it again.
            result = await server.process(parsed.model_dump_json(), request_context)
            if not isinstance(result, StreamingResult):
                return Response(result.json, media_type="application/json")
            # Whatever the Store refuses, it refuses before the first event. Later ones must be
            # pulled by the task that streams: the SDK keeps a context variable between them.
            events = aiter(result)
            first = await anext(events, b"")
            if not first and isinstance(parsed, ThreadsRetryAfterItemReq):
                raise NotFoundError  # the SDK streams nothing where the item is not there
        except ValidationError:
            raise  # a ValueError, but of what the server itself has made or stored
        except NotFoundError:
            raise HTTPException(404, "There is no such thread or item.") from None
        except NotImplementedError:
            raise HTTPException(501, "This server does not offer that operation.") from None
        except ValueError as error:
            raise HTTPException(409, str(error)) from None
        except DatabaseError as error:
            logger.error("%s", error)  # it names files and servers, which is no stranger's business
            raise HTTPException(503, "The database cannot be used now. Try again.") from None
        return EventStream(first, events, heartbeat_seconds)

    return router


def _parse(body: bytes) -> ChatKitReq:
    """Return the request that the bytes hold. Raises HTTPException 400 (no JSON) or 422."""
    try:
        return sdk.kept_adapter(ChatKitReq).validate_json(body)  # type: ignore[no-any-return]
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        status = 400 if problem["type"] == "json_invalid" else 422
        where = ".".join(str(part) for part in problem["loc"])
        raise HTTPException(
            status, f"{where}: {problem['msg']}" if where else problem["msg"]
        ) from None


def _refuse_what_is_not_offered(server: ChatKitServer[Any], request: ChatKitReq) -> None:
    """Raise HTTPException 501 for what this server cannot do.

    The SDK would find out half-way: after the `200`, or with a new thread already stored.
    """
    kind = type(server)
    match request:
        case AttachmentsCreateReq() | AttachmentsDeleteReq():
            offered = server.attachment_store is not None
        case ThreadsCreateReq() | ThreadsAddUserMessageReq() if request.params.input.attachments:
            offered = server.attachment_store is not None
        case ThreadsCreateReq() | ThreadsAddUserMessageReq() if _tags(request):
            offered = False  # who wants them writes a ThreadItemConverter, and takes this line out
        case InputTranscribeReq():
            offered = kind.transcribe is not ChatKitServer.transcribe
        case ThreadsCustomActionReq():
            offered = kind.action is not ChatKitServer.action
        case ThreadsSyncCustomActionReq():
            offered = kind.sync_action is not ChatKitServer.sync_action
        case _:
            offered = True
    if not offered:
        raise HTTPException(501, f"This server does not offer {request.type}.")


def _tags(request: ThreadsCreateReq | ThreadsAddUserMessageReq) -> bool:
    """Whether the message has tags. Without a converter for them each later turn would fail, too."""
    return any(part.type == "input_tag" for part in request.params.input.content)


class EventStream(StreamingResponse):
    """Server-sent events that reach the reader at once, and keep a quiet connection open.

    Every frame is flushed as it is made. Between two frames a comment goes out after each
    `heartbeat_seconds` of silence: proxies and browsers give up on a connection that says nothing.
    """

    media_type = "text/event-stream"

    def __init__(
        self, first: bytes, events: AsyncIterator[bytes], heartbeat_seconds: float
    ) -> None:
        super().__init__(
            _chain(first, events),
            headers={
                "Cache-Control": "no-cache",
                "X-Accel-Buffering": "no",  # nginx: pass each frame on as it comes
            },
        )
        self.heartbeat_seconds = heartbeat_seconds

    async def stream_response(self, send: Send) -> None:
        """Send the frames. The events are pulled by this task alone; only comments come from
        another one, so that the SDK's context variables stay in one task."""
        now = asyncio.get_running_loop().time
        last_sent = now()
        between_frames = True

        async def heartbeat() -> None:
            nonlocal last_sent
            comment = {"type": "http.response.body", "body": b": still here\n\n", "more_body": True}
            while True:
                due_in = last_sent + self.heartbeat_seconds - now()
                if due_in <= 0 and between_frames:
                    last_sent = now()
                    await send(comment)
                else:
                    await asyncio.sleep(due_in if due_in > 0 else self.heartbeat_seconds)

        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        beating = asyncio.create_task(heartbeat())
        try:
            # Starlette's loop, written out: a call around each `send` is a tenth of a delta's cost.
            async for frame in self.body_iterator:
                body = frame.encode() if isinstance(frame, str) else bytes(frame)
                if not body:
                    continue
                last_sent, between_frames = now(), body.endswith(b"\n\n")
                await send({"type": "http.response.body", "body": body, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            beating.cancel()


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The frames, and an `error` frame where the server breaks: a torn body tells a reader nothing."""
    if first:
        yield first
    try:
        async for frame in rest:
            yield frame
    except Exception:
        logger.exception("The stream broke before its end.")
        event = ErrorEvent(code=ErrorCode.STREAM_ERROR, allow_retry=False)
        yield b"data: " + event.model_dump_json(exclude_none=True).encode() + b"\n\n"


__all__ = ["HEARTBEAT_SECONDS", "MAX_BODY_BYTES", "EventStream", "chatkit_router"]
