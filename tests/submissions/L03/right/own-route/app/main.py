"""The Task Manager's server: the console at `/`, the ChatKit endpoint at `/chatkit`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chatkit.server import StreamingResult
from chatkit.store import NotFoundError
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import ValidationError

from app.documents import analyse_documents
from app.server import TaskServer
from shared.console import mount_console
from shared.context import RequestContext
from shared.database import Database
from shared.settings import get_settings
from shared.store import SQLiteStore
from shared.task_manager import TaskStorage, task_manager

database = Database(get_settings().database)
agent = task_manager(TaskStorage(database), tools=[analyse_documents])
server = TaskServer(SQLiteStore(database), agent)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """At the end of the server's life, first end the turns and then close what they store in."""
    yield
    await server.turns.stop_all()
    await database.close()


app = FastAPI(title="Task Manager", lifespan=lifespan)


@app.post("/chatkit")
async def chatkit(request: Request) -> Response:
    """Answer one request of ChatKit's page."""
    context = RequestContext(user_id=request.headers.get("X-Demo-User", "you"))
    try:
        result = await server.process(await request.body(), context)
    except ValidationError:
        raise HTTPException(422, "This is no ChatKit request.") from None
    except NotFoundError:
        raise HTTPException(404, "There is no such thread.") from None
    if isinstance(result, StreamingResult):
        return StreamingResponse(result, media_type="text/event-stream")
    return Response(result.json, media_type="application/json")


mount_console(app)
