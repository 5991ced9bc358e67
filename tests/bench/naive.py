"""The server that one writes first: everything as it comes out of the box.

The same `TaskServer`, agent and offline model as in lesson 2, and the same events on the wire. What
differs is round about them: a plain route, an SDK that nobody adjusted, uvicorn without uvloop and
httptools, and a Store that opens an SQLite connection for each call.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chatkit.server import StreamingResult
from chatkit.store import NotFoundError, Store
from chatkit.types import Attachment, Page, ThreadItem, ThreadMetadata
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import TypeAdapter

from shared.context import demo_context
from shared.settings import get_settings
from shared.task_manager import TaskStorage, task_manager

SCHEMA = """
CREATE TABLE IF NOT EXISTS threads (id TEXT PRIMARY KEY, data TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS items (
    thread_id TEXT NOT NULL, id TEXT NOT NULL, created_at TEXT NOT NULL, data TEXT NOT NULL,
    PRIMARY KEY (thread_id, id)
);
"""

_THREAD: TypeAdapter[ThreadMetadata] = TypeAdapter(ThreadMetadata)
_ITEM: TypeAdapter[ThreadItem] = TypeAdapter(ThreadItem)


class ConnectionPerCall(Store[Any]):
    """A Store that opens the file anew for each call. Only what a conversation needs."""

    def __init__(self, path: str | Path) -> None:
        self.path = path
        with self._connection() as connection:
            connection.executescript(SCHEMA)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.path)
        try:
            # As the workbook's own: what is compared is the connection, not how safe a commit is.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            with connection:
                yield connection
        finally:
            connection.close()

    async def load_thread(self, thread_id: str, context: Any) -> ThreadMetadata:
        with self._connection() as connection:
            row = connection.execute(
                "SELECT data FROM threads WHERE id = ?", [thread_id]
            ).fetchone()
        if row is None:
            raise NotFoundError(thread_id)
        return _THREAD.validate_json(row[0])

    async def save_thread(self, thread: ThreadMetadata, context: Any) -> None:
        with self._connection() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO threads VALUES (?, ?)",
                [thread.id, _THREAD.dump_json(thread).decode()],
            )

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: Any
    ) -> Page[ThreadItem]:
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT data FROM items WHERE thread_id = ? "
                f"ORDER BY created_at {'DESC' if order == 'desc' else 'ASC'} LIMIT ?",
                [thread_id, limit],
            ).fetchall()
        return Page(data=[_ITEM.validate_json(row[0]) for row in rows])

    async def add_thread_item(self, thread_id: str, item: ThreadItem, context: Any) -> None:
        with self._connection() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?)",
                [thread_id, item.id, item.created_at.isoformat(), _ITEM.dump_json(item).decode()],
            )

    save_item = add_thread_item

    async def load_threads(
        self, limit: int, after: str | None, order: str, context: Any
    ) -> Page[ThreadMetadata]:
        raise NotImplementedError

    async def load_item(self, thread_id: str, item_id: str, context: Any) -> ThreadItem:
        raise NotImplementedError

    async def delete_thread(self, thread_id: str, context: Any) -> None:
        raise NotImplementedError

    async def delete_thread_item(self, thread_id: str, item_id: str, context: Any) -> None:
        raise NotImplementedError

    async def save_attachment(self, attachment: Attachment, context: Any) -> None:
        raise NotImplementedError

    async def load_attachment(self, attachment_id: str, context: Any) -> Attachment:
        raise NotImplementedError

    async def delete_attachment(self, attachment_id: str, context: Any) -> None:
        raise NotImplementedError


def make_app() -> FastAPI:
    """The application. Its `app.server` is lesson 2's, found through uvicorn's `--app-dir`."""
    from app.server import TaskServer  # type: ignore[import-not-found]

    path = get_settings().database
    server = TaskServer(ConnectionPerCall(path), task_manager(TaskStorage(path)))
    app = FastAPI()

    @app.post("/chatkit")
    async def chatkit(request: Request) -> Response:
        result = await server.process(await request.body(), demo_context())
        if isinstance(result, StreamingResult):
            return StreamingResponse(result, media_type="text/event-stream")
        return Response(result.json, media_type="application/json")

    return app
