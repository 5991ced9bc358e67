"""A Store on the other side of a network: each write takes a moment, and can be cancelled in it."""

import asyncio

from chatkit.types import ThreadItem

from shared.context import RequestContext
from shared.store import SQLiteStore


class AwaitingStore(SQLiteStore[RequestContext]):
    """SQLiteStore with a way to it."""

    async def add_thread_item(
        self, thread_id: str, item: ThreadItem, context: RequestContext
    ) -> None:
        """Store the item, after a moment."""
        await asyncio.sleep(0.01)
        await super().add_thread_item(thread_id, item, context)
