"""A Store in the memory of the process."""

from typing import Any

from chatkit.store import NotFoundError, Store
from chatkit.types import Attachment, Page, ThreadItem, ThreadMetadata

from shared.context import RequestContext


class MemoryStore(Store[RequestContext]):
    """Keeps everything in dictionaries."""

    def __init__(self) -> None:
        self.threads: dict[str, ThreadMetadata] = {}
        self.items: dict[str, dict[str, ThreadItem]] = {}

    async def load_thread(self, thread_id: str, context: RequestContext) -> ThreadMetadata:
        if thread_id not in self.threads:
            raise NotFoundError(thread_id)
        return self.threads[thread_id]

    async def save_thread(self, thread: ThreadMetadata, context: RequestContext) -> None:
        fields = thread.model_dump(include=set(ThreadMetadata.model_fields))
        self.threads[thread.id] = ThreadMetadata(**fields)

    async def load_threads(
        self, limit: int, after: str | None, order: str, context: RequestContext
    ) -> Page[ThreadMetadata]:
        return _page(list(self.threads.values()), limit, after, order)

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: RequestContext
    ) -> Page[ThreadItem]:
        return _page(list(self.items.get(thread_id, {}).values()), limit, after, order)

    async def add_thread_item(
        self, thread_id: str, item: ThreadItem, context: RequestContext
    ) -> None:
        self.items.setdefault(thread_id, {})[item.id] = item

    save_item = add_thread_item

    async def load_item(self, thread_id: str, item_id: str, context: RequestContext) -> ThreadItem:
        return self.items[thread_id][item_id]

    async def delete_thread(self, thread_id: str, context: RequestContext) -> None:
        self.threads.pop(thread_id, None)
        self.items.pop(thread_id, None)

    async def delete_thread_item(
        self, thread_id: str, item_id: str, context: RequestContext
    ) -> None:
        self.items.get(thread_id, {}).pop(item_id, None)

    async def save_attachment(self, attachment: Attachment, context: RequestContext) -> None:
        raise NotImplementedError

    async def load_attachment(self, attachment_id: str, context: RequestContext) -> Attachment:
        raise NotFoundError(attachment_id)

    async def delete_attachment(self, attachment_id: str, context: RequestContext) -> None:
        raise NotFoundError(attachment_id)


def _page(rows: list[Any], limit: int, after: str | None, order: str) -> Page[Any]:
    rows = rows if order == "asc" else rows[::-1]
    if after:
        rows = rows[[row.id for row in rows].index(after) + 1 :]
    return Page(
        data=rows[:limit],
        has_more=len(rows) > limit,
        after=rows[limit - 1].id if len(rows) > limit else None,
    )
