"""Ids that can be said on the telephone."""

from itertools import count

from chatkit.store import StoreItemType
from chatkit.types import ThreadMetadata

from shared.context import RequestContext
from shared.store import SQLiteStore


class CountingStore(SQLiteStore[RequestContext]):
    """Numbers its items."""

    numbers = count(1)

    def generate_item_id(
        self, item_type: StoreItemType, thread: ThreadMetadata, context: RequestContext
    ) -> str:
        return f"{item_type}-{next(self.numbers)}"
