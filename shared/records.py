"""What every Store in SQL needs, whoever may read it: ids, JSON, and pages.

A row holds the whole object as JSON in its column `data`.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import Any, TypeVar

from chatkit.store import NotFoundError, Store, StoreItemType, default_generate_id
from chatkit.types import Attachment, Page, ThreadItem, ThreadMetadata, WidgetItem
from chatkit.widgets import DynamicWidgetRoot
from pydantic import TypeAdapter

from shared.database import AnyDatabase

MAX_PAGE = 1000

TContext = TypeVar("TContext")

# An adapter writes the fields of the type it was made for, and no others: of a `Thread`, which is
# what the SDK hands to save_thread in a thread's first turn, the metadata without the items.
_THREAD: TypeAdapter[ThreadMetadata] = TypeAdapter(ThreadMetadata)
_ITEM: TypeAdapter[ThreadItem] = TypeAdapter(ThreadItem)
_ATTACHMENT: TypeAdapter[Attachment] = TypeAdapter(Attachment)


class LongIds(Store[TContext]):
    """A Store whose ids nobody can guess, and no two of which are equal."""

    def generate_thread_id(self, context: TContext) -> str:
        """Return `thr_` and 128 random bits. (The SDK's own ids have 32: among 100,000 items two
        are equal more often than not.)"""
        return _long(default_generate_id("thread"))

    def generate_item_id(
        self, item_type: StoreItemType, thread: ThreadMetadata, context: TContext
    ) -> str:
        """Return the SDK's prefix for that type (`msg_`, `tc_`, …) and 128 random bits."""
        return _long(default_generate_id(item_type))


def _long(short_id: str) -> str:
    prefix, _, _ = short_id.rpartition("_")
    return f"{prefix}_{secrets.token_hex(16)}"


def dump_thread(thread: ThreadMetadata) -> str:
    """Return the thread as JSON, without any items it may carry."""
    return _THREAD.dump_json(thread).decode()


def load_thread(data: str) -> ThreadMetadata:
    """Return the thread that `dump_thread` wrote."""
    return _THREAD.validate_json(data)


# A widget that was built from a template may have any field, in a root that is called "Card" too.
# Read back as one of the SDK's own cards it would lose those that a Card has not. So note it down.
_FROM_TEMPLATE = "widget_from_template"


def dump_item(item: ThreadItem) -> str:
    """Return the item as JSON."""
    if isinstance(item, WidgetItem) and isinstance(item.widget, DynamicWidgetRoot):
        return json.dumps(item.model_dump(mode="json") | {_FROM_TEMPLATE: True})
    return _ITEM.dump_json(item).decode()


def load_item(data: str) -> ThreadItem:
    """Return the item that `dump_item` wrote."""
    item = _ITEM.validate_json(data)
    if isinstance(item, WidgetItem):
        stored = json.loads(data)
        if _FROM_TEMPLATE in stored:
            item.widget = DynamicWidgetRoot.model_validate(stored["widget"])
    return item


def dump_attachment(attachment: Attachment) -> str:
    """Return what is known of the file as JSON."""
    return _ATTACHMENT.dump_json(attachment).decode()


def load_attachment(data: str) -> Attachment:
    """Return the attachment that `dump_attachment` wrote."""
    return _ATTACHMENT.validate_json(data)


async def page_of_threads(
    database: AnyDatabase,
    condition: str,
    parameters: Sequence[Any],
    after: str | None,
    limit: int,
    order: str,
) -> Page[ThreadMetadata]:
    """Return a page of the rows of `threads` that meet the SQL condition.

    Up to `limit` (1 to MAX_PAGE) of them, behind the thread `after`, "asc" or "desc" in the order in
    which they were first saved. Raises NotFoundError where `after` is none of them.
    """
    rows, has_more = await _page(database, "threads", condition, parameters, after, limit, order)
    threads = [load_thread(row["data"]) for row in rows]
    return Page(data=threads, has_more=has_more, after=threads[-1].id if has_more else None)


async def page_of_items(
    database: AnyDatabase,
    condition: str,
    parameters: Sequence[Any],
    after: str | None,
    limit: int,
    order: str,
) -> Page[ThreadItem]:
    """Return a page of the rows of `items` that meet the SQL condition, as `page_of_threads` does."""
    rows, has_more = await _page(database, "items", condition, parameters, after, limit, order)
    items = [load_item(row["data"]) for row in rows]
    return Page(data=items, has_more=has_more, after=items[-1].id if has_more else None)


async def _page(
    database: AnyDatabase,
    table: str,
    condition: str,
    parameters: Sequence[Any],
    after: str | None,
    limit: int,
    order: str,
) -> tuple[list[Any], bool]:
    """Keyset paging: the index leads straight to the row behind the cursor, so that the last page of
    10,000 costs what the first one of 20 does."""
    if order not in {"asc", "desc"}:
        raise ValueError(f"order must be 'asc' or 'desc', not {order!r}.")
    limit = max(1, min(limit, MAX_PAGE))
    source = f"{table} WHERE {condition}"
    behind = ""
    if after is not None:
        cursor = await database.rows(f"SELECT seq FROM {source} AND id = ?", [*parameters, after])
        if not cursor:
            raise NotFoundError(f"There is no {after} to go on after.")
        behind = f"AND seq {'>' if order == 'asc' else '<'} ?"
        parameters = [*parameters, cursor[0]["seq"]]
    rows = await database.rows(
        f"SELECT data FROM {source} {behind} ORDER BY seq {order} LIMIT ?",
        [*parameters, limit + 1],
    )
    return list(rows[:limit]), len(rows) > limit


__all__ = [
    "MAX_PAGE",
    "LongIds",
    "dump_attachment",
    "dump_item",
    "dump_thread",
    "load_attachment",
    "load_item",
    "load_thread",
    "page_of_items",
    "page_of_threads",
]
