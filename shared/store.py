"""Threads, their items and attachments in SQLite: the Store that ChatKit's server asks for.

Look at it with `sqlite3 chatkit.db`: three tables, in each the whole object as JSON in `data`, and
beside it what a person or a clean-up query wants to see. `created_at` is UTC text.

`SQLiteStore` asks nobody who they are: it ignores the request context. Lesson 6 makes a Store that
does not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chatkit.store import NotFoundError
from chatkit.types import Attachment, Page, ThreadItem, ThreadMetadata
from typing_extensions import TypeVar

from shared import records
from shared.clock import utc_text
from shared.database import AnyDatabase, Database, ForeignKeyError

SCHEMA = """
CREATE TABLE IF NOT EXISTS threads (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    title      TEXT,
    created_at TEXT NOT NULL,
    data       TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS items (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    thread_id  TEXT NOT NULL REFERENCES threads (id) ON DELETE CASCADE,
    id         TEXT NOT NULL,
    type       TEXT NOT NULL,
    created_at TEXT NOT NULL,
    data       TEXT NOT NULL,
    UNIQUE (thread_id, id)
);
CREATE INDEX IF NOT EXISTS items_in_order ON items (thread_id, seq);
CREATE TABLE IF NOT EXISTS attachments (
    id         TEXT PRIMARY KEY,
    thread_id  TEXT,
    name       TEXT NOT NULL,
    mime_type  TEXT NOT NULL,
    data       TEXT NOT NULL
);
"""

TContext = TypeVar("TContext", default=Any)


class SQLiteStore(records.LongIds[TContext]):
    """A Store in one SQLite file. Every write is an upsert, and whoever was told that something is
    saved finds it again after `kill -9`.

    Pages run in the order in which things were first saved, and a later save does not move them:
    times may be equal, or come from clocks that differ.

    Besides what each method says, all raise `shared.database.DatabaseError` where the file cannot
    be used.
    """

    def __init__(self, database: AnyDatabase | str | Path) -> None:
        self.database: AnyDatabase = (
            Database(database) if isinstance(database, str | Path) else database
        )
        self.database.add_schema(SCHEMA)

    def visible(self, context: TContext) -> tuple[str, list[Any]]:
        """Return an SQL condition on `threads` and its parameters: what a request may read.

        Here it is all of them. A Store in which threads belong to somebody overrides this.
        """
        return "TRUE", []

    async def load_thread(self, thread_id: str, context: TContext) -> ThreadMetadata:
        """Return the thread. Raises NotFoundError."""
        condition, parameters = self.visible(context)
        rows = await self.database.rows(
            f"SELECT data FROM threads WHERE {condition} AND id = ?", [*parameters, thread_id]
        )
        if not rows:
            raise NotFoundError(f"There is no thread {thread_id}.")
        return records.load_thread(rows[0]["data"])

    async def save_thread(self, thread: ThreadMetadata, context: TContext) -> None:
        """Insert or update the thread, without any items it may carry."""
        await self.database.write(
            """
            INSERT INTO threads (id, title, created_at, data) VALUES (?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET
                title = excluded.title, created_at = excluded.created_at, data = excluded.data
            """,
            [thread.id, thread.title, utc_text(thread.created_at), records.dump_thread(thread)],
        )

    async def load_threads(
        self, limit: int, after: str | None, order: str, context: TContext
    ) -> Page[ThreadMetadata]:
        """Return a page of threads. Raises NotFoundError for a cursor that is not there."""
        condition, parameters = self.visible(context)
        return await records.page_of_threads(
            self.database, condition, parameters, after, limit, order
        )

    async def delete_thread(self, thread_id: str, context: TContext) -> None:
        """Delete the thread with its items; nothing happens where there is none."""
        await self.database.write("DELETE FROM threads WHERE id = ?", [thread_id])

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: TContext
    ) -> Page[ThreadItem]:
        """Return a page of the thread's items, the hidden ones too; of an unknown thread an empty
        one. Raises NotFoundError for a cursor that is no item of this thread."""
        condition, parameters = self.visible(context)
        return await records.page_of_items(
            self.database,
            f"thread_id = (SELECT id FROM threads WHERE {condition} AND id = ?)",
            [*parameters, thread_id],
            after,
            limit,
            order,
        )

    async def add_thread_item(self, thread_id: str, item: ThreadItem, context: TContext) -> None:
        """The same as `save_item`: the SDK adds an item again when a workflow goes on."""
        await self.save_item(thread_id, item, context)

    async def save_item(self, thread_id: str, item: ThreadItem, context: TContext) -> None:
        """Insert or update the item. Raises NotFoundError where there is no such thread."""
        try:
            await self.database.write(
                """
                INSERT INTO items (thread_id, id, type, created_at, data) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT (thread_id, id) DO UPDATE SET
                    type = excluded.type, created_at = excluded.created_at, data = excluded.data
                """,
                [thread_id, item.id, item.type, utc_text(item.created_at), records.dump_item(item)],
            )
        except ForeignKeyError as error:
            message = f"There is no thread {thread_id} to put item {item.id} into."
            raise NotFoundError(message) from error

    async def load_item(self, thread_id: str, item_id: str, context: TContext) -> ThreadItem:
        """Return the item. Raises NotFoundError, also where it is in another thread."""
        rows = await self.database.rows(
            "SELECT data FROM items WHERE thread_id = ? AND id = ?", [thread_id, item_id]
        )
        if not rows:
            raise NotFoundError(f"There is no item {item_id} in thread {thread_id}.")
        return records.load_item(rows[0]["data"])

    async def delete_thread_item(self, thread_id: str, item_id: str, context: TContext) -> None:
        """Delete the item; nothing happens where there is none, for the SDK also removes items that
        were never saved."""
        await self.database.write(
            "DELETE FROM items WHERE thread_id = ? AND id = ?", [thread_id, item_id]
        )

    async def save_attachment(self, attachment: Attachment, context: TContext) -> None:
        """Insert or update what is known of a file (not its bytes)."""
        await self.database.write(
            """
            INSERT INTO attachments (id, thread_id, name, mime_type, data) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET thread_id = excluded.thread_id, name = excluded.name,
                mime_type = excluded.mime_type, data = excluded.data
            """,
            [
                attachment.id,
                attachment.thread_id,
                attachment.name,
                attachment.mime_type,
                records.dump_attachment(attachment),
            ],
        )

    async def load_attachment(self, attachment_id: str, context: TContext) -> Attachment:
        """Return the attachment. Raises NotFoundError."""
        rows = await self.database.rows(
            "SELECT data FROM attachments WHERE id = ?", [attachment_id]
        )
        if not rows:
            raise NotFoundError(f"There is no attachment {attachment_id}.")
        return records.load_attachment(rows[0]["data"])

    async def delete_attachment(self, attachment_id: str, context: TContext) -> None:
        """Delete the attachment; nothing happens where there is none."""
        await self.database.write("DELETE FROM attachments WHERE id = ?", [attachment_id])


__all__ = ["SCHEMA", "SQLiteStore"]
