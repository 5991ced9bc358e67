"""The Task Manager's server: the page at `/app/`, ChatKit at `/chatkit`, the console at `/`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import Depends, FastAPI

from app import bff, cookies
from app.auth import signed_in
from app.documents import analyse_documents
from app.facts import remember_fact
from app.headers import page_headers
from app.page_contexts import on_page
from app.server import TaskServer
from app.sessions import SessionStore, clean_up_daily
from shared.console import mount_console
from shared.database import open_database
from shared.endpoint import chatkit_router
from shared.page import mount_page
from shared.settings import get_settings
from shared.task_manager import TaskStorage, task_manager

SCRIPTS = {
    "local": "/console/chatkit-local/chatkit.js",
    "cdn": "https://cdn.platform.openai.com/deployments/chatkit/chatkit.js",
}

settings = get_settings()
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
    await bff.client.aclose()
    await server.turns.stop_all()
    await database.close()


# No /docs: that page runs scripts from elsewhere, and could use the cookie.
app = FastAPI(title="Task Manager", lifespan=lifespan, openapi_url=None)
speaker = cookies.cookie_user if settings.auth_mode == "cookie" else signed_in
app.include_router(chatkit_router(server, on_page(speaker)))
if settings.auth_mode != "bearer":
    app.include_router(cookies.router)
if settings.auth_mode == "bff":
    app.include_router(bff.router)
mount_page(app, Path(__file__).parent / "page" / "dist", headers=page_headers(settings))
mount_console(app)


@app.get("/api/config")
def config() -> dict[str, object]:
    """Tell the page how to sign in, where to send messages, and which script to load."""
    return {
        "mode": settings.auth_mode,
        "endpoint": "/bff/chatkit" if settings.auth_mode == "bff" else "/chatkit",
        "issuer": settings.issuer if settings.auth_mode == "bearer" else None,
        "users": ["alice", "bob"],
        "script": SCRIPTS[settings.element],
        "domainKey": settings.domain_key,
    }


@app.post("/clean-up", dependencies=[Depends(speaker)])
async def clean_up() -> dict[str, int]:
    """Delete what expired sessions hold, now and not only at night."""
    return {"sessions": await store.clean_up(server.turns)}
