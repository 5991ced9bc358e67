"""The Task Manager's server: the console at `/`, the ChatKit endpoint at `/chatkit`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI

from app.auth import current, signed_in
from app.documents import analyse_documents
from app.facts import remember_fact
from app.server import TaskServer
from app.sessions import SessionStore, clean_up_daily
from shared.console import mount_console
from shared.database import open_database
from shared.endpoint import chatkit_router
from shared.task_manager import Task, TaskStorage, task_manager



class CurrentTasks(TaskStorage):
    """The tasks of the current user."""

    async def create(self, user_id: str, title: str) -> Task:
        return await super().create(current["user"], title)

    async def list(self, user_id: str, include_done: bool = True) -> list[Task]:
        return await super().list(current["user"], include_done)


database = open_database()
agent = task_manager(CurrentTasks(database), tools=[analyse_documents, remember_fact])
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
app.include_router(chatkit_router(server, signed_in))
mount_console(app)


@app.post("/clean-up", dependencies=[Depends(signed_in)])
async def clean_up() -> dict[str, int]:
    """Delete what expired sessions hold, now and not only at night."""
    return {"sessions": await store.clean_up(server.turns)}
