"""The Task Manager's server: the console at `/`, the ChatKit endpoint at `/chatkit`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi.security import HTTPAuthorizationCredentials

from app.auth import bearer, signed_in
from app.documents import analyse_documents
from app.facts import remember_fact
from app.server import TaskServer
from app.sessions import SessionStore, clean_up_daily
from shared.console import mount_console
from shared.context import RequestContext
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
    cleaning = asyncio.create_task(clean_up_daily(store, server.turns))
    yield
    cleaning.cancel()
    await server.turns.stop_all()
    await database.close()


database.add_schema("CREATE TABLE IF NOT EXISTS logins (user_id TEXT, token TEXT);")
database.add_policies("""
ALTER TABLE logins ENABLE ROW LEVEL SECURITY;
ALTER TABLE logins FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS own_rows ON logins;
CREATE POLICY own_rows ON logins
    USING (user_id = current_setting('app.user_id', true))
    WITH CHECK (user_id = current_setting('app.user_id', true));
""")


async def noted(
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
    context: Annotated[RequestContext, Depends(signed_in)],
) -> RequestContext:
    """Note who is there."""
    if credentials:
        await database.for_user(context.user_id).write(
            "INSERT INTO logins (user_id, token) VALUES (?, ?)",
            [context.user_id, credentials.credentials],
        )
    return context


app = FastAPI(title="Task Manager", lifespan=lifespan)
app.include_router(chatkit_router(server, noted))
mount_console(app)


@app.post("/clean-up", dependencies=[Depends(signed_in)])
async def clean_up() -> dict[str, int]:
    """Delete what expired sessions hold, now and not only at night."""
    return {"sessions": await store.clean_up(server.turns)}
