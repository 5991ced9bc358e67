"""The Task Manager's server: the console at `/`, the ChatKit endpoint at `/chatkit`."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from chatkit.server import StreamingResult
from chatkit.store import NotFoundError
from fastapi import Body, Depends, FastAPI, HTTPException
from fastapi.responses import Response, StreamingResponse

from app.auth import signed_in
from app.documents import analyse_documents
from app.facts import remember_fact
from app.server import TaskServer
from app.sessions import SessionStore, clean_up_daily
from shared.console import mount_console
from shared.database import open_database
from shared import sdk
from shared.context import RequestContext
from shared.task_manager import TaskStorage, task_manager

database = open_database()
agent = task_manager(TaskStorage(database), tools=[analyse_documents, remember_fact])
store = SessionStore(database)
server = TaskServer(store, agent)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Clean up in the background. At the end, end the turns and then close what they store in."""
    cleaning = asyncio.create_task(clean_up_daily(store, server.turns))
    yield
    cleaning.cancel()
    await server.turns.stop_all()
    await database.close()


app = FastAPI(title="Task Manager", lifespan=lifespan)
sdk.adjust()
mount_console(app)


@app.post("/chatkit")
async def chatkit(
    body: Annotated[dict[str, Any], Body()],
    context: Annotated[RequestContext, Depends(signed_in)],
) -> Response:
    """The endpoint, with a body that FastAPI reads."""
    try:
        result = await server.process(json.dumps(body), context)
        if not isinstance(result, StreamingResult):
            return Response(result.json, media_type="application/json")
        return StreamingResponse(result, media_type="text/event-stream")
    except NotFoundError:
        raise HTTPException(404, "There is no such thread or item.") from None


@app.post("/clean-up", dependencies=[Depends(signed_in)])
async def clean_up() -> dict[str, int]:
    """Delete what expired sessions hold, now and not only at night."""
    return {"sessions": await store.clean_up(server.turns)}
