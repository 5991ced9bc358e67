"""The Task Manager's server: the console at `/`, the ChatKit endpoint at `/chatkit`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI

from app.auth import look_after_keys, signed_in
from app.documents import analyse_documents
from app.facts import remember_fact
from app.server import TaskServer
from app.sessions import SessionStore, clean_up_daily
from shared.console import mount_console
from shared.database import open_database
from shared.endpoint import chatkit_router
from shared.task_manager import TaskStorage, task_manager

database = open_database()
agent = task_manager(TaskStorage(database), tools=[analyse_documents, remember_fact])
store = SessionStore(database)
server = TaskServer(store, agent)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Clean up in the background. At the end, end the turns and then close what they store in."""
    keys = asyncio.create_task(look_after_keys())
    cleaning = asyncio.create_task(clean_up_daily(store, server.turns))
    yield
    keys.cancel()
    cleaning.cancel()
    await server.turns.stop_all()
    await database.close()


app = FastAPI(title="Task Manager", lifespan=lifespan)
app.include_router(chatkit_router(server, signed_in))
mount_console(app)


@app.post("/clean-up", dependencies=[Depends(signed_in)])
async def clean_up() -> dict[str, int]:
    """Delete what expired sessions hold, now and not only at night."""
    return {"sessions": await store.clean_up(server.turns)}
