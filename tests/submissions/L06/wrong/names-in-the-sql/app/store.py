"""Threads, their items and attachments, each the property of one user.

The speaker is in every statement. So no method can be asked for what is somebody else's, by whatever
operation: for the Store another person's thread is one that does not exist.
"""

from pathlib import Path
from typing import Any

from chatkit.store import NotFoundError
from chatkit.types import Attachment, Page, ThreadItem, ThreadMetadata

from shared import records
from shared.clock import utc_text
from shared.context import RequestContext
from shared.database import AnyDatabase, ForeignKeyError

SCHEMA = Path(__file__).with_name("schema.sql").read_text()
POLICIES = Path(__file__).with_name("policies.sql").read_text()


class UserStore(records.LongIds[RequestContext]):
    """A Store in which everybody finds what is theirs, and nothing else."""

    def __init__(self, database: AnyDatabase) -> None:
        """Keep everything in `database`."""
        self.database = database
        database.add_schema(SCHEMA)
        database.add_policies(POLICIES)

    def visible(self, context: RequestContext) -> tuple[str, list[Any]]:
        """Return the condition for the threads that the speaker may read: their own."""
        return f"user_id = '{context.user_id}'", []

    async def load_thread(self, thread_id: str, context: RequestContext) -> ThreadMetadata:
        """Return the thread. Raises NotFoundError, also where it is somebody else's."""
        condition, parameters = self.visible(context)
        rows = await self.database.for_user(context.user_id).rows(
            f"SELECT data FROM threads WHERE {condition} AND id = ?", [*parameters, thread_id]
        )
        if not rows:
            raise NotFoundError(f"There is no thread {thread_id}.")
        return records.load_thread(rows[0]["data"])

    async def load_threads(
        self, limit: int, after: str | None, order: str, context: RequestContext
    ) -> Page[ThreadMetadata]:
        """Return a page of the speaker's threads."""
        database = self.database.for_user(context.user_id)
        condition, parameters = self.visible(context)
        return await records.page_of_threads(database, condition, parameters, after, limit, order)

    async def save_thread(self, thread: ThreadMetadata, context: RequestContext) -> None:
        """Insert or update the speaker's thread of that id."""
        await self.database.for_user(context.user_id).write(
            """
            INSERT INTO threads (user_id, id, title, created_at, data) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (user_id, id) DO UPDATE SET
                title = excluded.title, created_at = excluded.created_at, data = excluded.data
            """,
            [
                context.user_id,
                thread.id,
                thread.title,
                utc_text(thread.created_at),
                records.dump_thread(thread),
            ],
        )

    async def delete_thread(self, thread_id: str, context: RequestContext) -> None:
        """Delete the speaker's thread with its items, if there is one."""
        await self.database.for_user(context.user_id).write(
            "DELETE FROM threads WHERE user_id = ? AND id = ?", [context.user_id, thread_id]
        )

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: RequestContext
    ) -> Page[ThreadItem]:
        """Return a page of the items of a thread that the speaker may read; else an empty one."""
        condition, parameters = self.visible(context)
        return await records.page_of_items(
            self.database.for_user(context.user_id),
            f"user_id = ? AND thread_id = (SELECT id FROM threads WHERE {condition} AND id = ?)",
            [context.user_id, *parameters, thread_id],
            after,
            limit,
            order,
        )

    async def add_thread_item(
        self, thread_id: str, item: ThreadItem, context: RequestContext
    ) -> None:
        """The same as `save_item`: the SDK adds an item again when a workflow goes on."""
        await self.save_item(thread_id, item, context)

    async def save_item(self, thread_id: str, item: ThreadItem, context: RequestContext) -> None:
        """Insert or update an item of the speaker's thread. Raises NotFoundError without one."""
        try:
            await self.database.for_user(context.user_id).write(
                """
                INSERT INTO items (user_id, thread_id, id, type, created_at, data)
                VALUES (?, ?, ?, ?, ?, ?)
                ON CONFLICT (user_id, thread_id, id) DO UPDATE SET
                    type = excluded.type, created_at = excluded.created_at, data = excluded.data
                """,
                [
                    context.user_id,
                    thread_id,
                    item.id,
                    item.type,
                    utc_text(item.created_at),
                    records.dump_item(item),
                ],
            )
        except ForeignKeyError:
            raise NotFoundError(f"There is no thread {thread_id} for item {item.id}.") from None

    async def load_item(self, thread_id: str, item_id: str, context: RequestContext) -> ThreadItem:
        """Return the item. Raises NotFoundError, also where it is somebody else's."""
        rows = await self.database.for_user(context.user_id).rows(
            "SELECT data FROM items WHERE user_id = ? AND thread_id = ? AND id = ?",
            [context.user_id, thread_id, item_id],
        )
        if not rows:
            raise NotFoundError(f"There is no item {item_id} in thread {thread_id}.")
        return records.load_item(rows[0]["data"])

    async def delete_thread_item(
        self, thread_id: str, item_id: str, context: RequestContext
    ) -> None:
        """Delete the speaker's item, if there is one."""
        await self.database.for_user(context.user_id).write(
            "DELETE FROM items WHERE user_id = ? AND thread_id = ? AND id = ?",
            [context.user_id, thread_id, item_id],
        )

    async def save_attachment(self, attachment: Attachment, context: RequestContext) -> None:
        """Insert or update what is known of the speaker's file."""
        await self.database.for_user(context.user_id).write(
            """
            INSERT INTO attachments (user_id, id, thread_id, name, mime_type, data)
            VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (user_id, id) DO UPDATE SET thread_id = excluded.thread_id,
                name = excluded.name, mime_type = excluded.mime_type, data = excluded.data
            """,
            [
                context.user_id,
                attachment.id,
                attachment.thread_id,
                attachment.name,
                attachment.mime_type,
                records.dump_attachment(attachment),
            ],
        )

    async def load_attachment(self, attachment_id: str, context: RequestContext) -> Attachment:
        """Return the attachment. Raises NotFoundError, also where it is somebody else's."""
        rows = await self.database.for_user(context.user_id).rows(
            "SELECT data FROM attachments WHERE user_id = ? AND id = ?",
            [context.user_id, attachment_id],
        )
        if not rows:
            raise NotFoundError(f"There is no attachment {attachment_id}.")
        return records.load_attachment(rows[0]["data"])

    async def delete_attachment(self, attachment_id: str, context: RequestContext) -> None:
        """Delete the speaker's attachment, if there is one."""
        await self.database.for_user(context.user_id).write(
            "DELETE FROM attachments WHERE user_id = ? AND id = ?",
            [context.user_id, attachment_id],
        )
