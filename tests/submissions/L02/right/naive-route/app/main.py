"""The Task Manager's server: the console at `/`, the ChatKit endpoint at `/chatkit`."""

from chatkit.server import StreamingResult
from fastapi import FastAPI, Request
from fastapi.responses import Response, StreamingResponse

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
    result = await server.process(await request.body(), context)
    if isinstance(result, StreamingResult):
        return StreamingResponse(result, media_type="text/event-stream")
    return Response(result.json, media_type="application/json")


mount_console(app)
