"""The Task Manager's server: the console at `/`, the ChatKit endpoint at `/chatkit`."""

from collections.abc import AsyncIterator

from chatkit.server import StreamingResult
from chatkit.store import NotFoundError
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import ValidationError

from app.server import TaskServer
from shared.console import mount_console
from shared.context import RequestContext
from shared.database import Database
from shared.settings import get_settings
from shared.store import SQLiteStore
from shared.task_manager import TaskStorage, task_manager

database = Database(get_settings().database)
server = TaskServer(SQLiteStore(database), task_manager(TaskStorage(database)))

app = FastAPI(title="Task Manager")


@app.post("/chatkit")
async def chatkit(request: Request) -> Response:
    context = RequestContext(user_id=request.headers.get("X-Demo-User", "you"))
    try:
        result = await server.process(await request.body(), context)
    except ValidationError:
        raise HTTPException(422, "not a ChatKit request") from None
    except NotFoundError:
        raise HTTPException(404, "not found") from None
    if not isinstance(result, StreamingResult):
        return Response(result.json, media_type="application/json")
    stream = aiter(result)
    try:
        first = await anext(stream)
    except NotFoundError:
        raise HTTPException(404, "not found") from None

    async def body() -> AsyncIterator[bytes]:
        yield first
        async for frame in stream:
            yield frame

    return StreamingResponse(body(), media_type="text/event-stream")


mount_console(app)
