"""What every Store must do, whatever database is behind it.

Use it as a base class whose fixture `store` makes an empty Store:

    class TestMyStore(StoreContract):
        @pytest.fixture
        async def store(self) -> AsyncIterator[Store[RequestContext]]: ...
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any, get_args

import pytest
from chatkit.store import NotFoundError, Store
from chatkit.types import (
    ClosedStatus,
    EndOfTurnItem,
    LockedStatus,
    Page,
    Thread,
    ThreadItem,
)

from shared.context import RequestContext
from tests.shared.examples import (
    CONTEXT,
    NOON,
    UNUSUAL_TEXTS,
    UNUSUAL_TIMES,
    every_kind_of_item,
    file,
    image,
    message,
    thread,
)


async def item_ids(store: Store[RequestContext], thread_id: str = "thr_1") -> list[str]:
    return [item.id for item in (await items_page(store, thread_id=thread_id, limit=1000)).data]


async def items_page(
    store: Store[RequestContext],
    *,
    thread_id: str = "thr_1",
    after: str | None = None,
    limit: int = 20,
    order: str = "asc",
) -> Page[ThreadItem]:
    return await store.load_thread_items(thread_id, after, limit, order, CONTEXT)


@pytest.mark.filterwarnings("ignore:Direct usage of named widget classes:DeprecationWarning")
class StoreContract:
    """The tests. They know nothing of the Store but its public methods."""

    @pytest.fixture
    async def filled(self, store: Store[RequestContext]) -> Store[RequestContext]:
        """A Store with thr_1, and in it msg_1 to msg_5, all of the same moment."""
        await store.save_thread(thread(), CONTEXT)
        for number in range(1, 6):
            await store.add_thread_item("thr_1", message(f"msg_{number}"), CONTEXT)
        return store

    # Threads

    async def test_a_thread_comes_back_as_it_was(self, store: Store[RequestContext]) -> None:
        saved = thread(
            title="Plans",
            status=LockedStatus(reason="later"),
            allowed_image_domains=["x.example"],
            metadata={"deep": {"er": [1, 2.5, None, True, "ü"]}},
        )
        await store.save_thread(saved, CONTEXT)
        assert await store.load_thread("thr_1", CONTEXT) == saved

    async def test_saving_again_replaces_all_of_a_thread(
        self, store: Store[RequestContext]
    ) -> None:
        await store.save_thread(thread(title="Old", metadata={"a": 1}), CONTEXT)
        changed = thread(title=None, status=ClosedStatus(), metadata={"b": 2})
        await store.save_thread(changed, CONTEXT)
        assert await store.load_thread("thr_1", CONTEXT) == changed
        assert len((await store.load_threads(10, None, "asc", CONTEXT)).data) == 1

    async def test_of_a_thread_with_items_only_the_metadata_is_stored(
        self, store: Store[RequestContext]
    ) -> None:
        items = Page[ThreadItem](data=[message("msg_1")])
        full = Thread(id="thr_1", created_at=NOON, title="Plans", items=items)
        await store.save_thread(full, CONTEXT)
        assert await store.load_thread("thr_1", CONTEXT) == thread(title="Plans")
        assert (await store.load_threads(10, None, "asc", CONTEXT)).data == [thread(title="Plans")]
        assert await item_ids(store) == []

    async def test_what_is_loaded_is_a_copy(self, store: Store[RequestContext]) -> None:
        saved = thread(metadata={"a": 1})
        await store.save_thread(saved, CONTEXT)
        saved.metadata["a"] = 2
        (await store.load_thread("thr_1", CONTEXT)).metadata["a"] = 3
        assert (await store.load_thread("thr_1", CONTEXT)).metadata == {"a": 1}

    async def test_an_unknown_thread_is_not_found(self, store: Store[RequestContext]) -> None:
        with pytest.raises(NotFoundError, match="thr_none"):
            await store.load_thread("thr_none", CONTEXT)

    async def test_an_unknown_thread_has_an_empty_page(self, store: Store[RequestContext]) -> None:
        page = await items_page(store, thread_id="thr_none")
        assert (page.data, page.has_more, page.after) == ([], False, None)

    async def test_an_empty_store_has_an_empty_page(self, store: Store[RequestContext]) -> None:
        page = await store.load_threads(20, None, "desc", CONTEXT)
        assert (page.data, page.has_more, page.after) == ([], False, None)

    async def test_deleting_a_thread_takes_its_items_along_and_no_others(
        self, filled: Store[RequestContext]
    ) -> None:
        await filled.save_thread(thread("thr_2"), CONTEXT)
        other = message("msg_1", thread_id="thr_2")
        await filled.add_thread_item("thr_2", other, CONTEXT)
        await filled.delete_thread("thr_1", CONTEXT)
        with pytest.raises(NotFoundError):
            await filled.load_thread("thr_1", CONTEXT)
        with pytest.raises(NotFoundError):
            await filled.load_item("thr_1", "msg_1", CONTEXT)
        assert await item_ids(filled) == []
        assert (await items_page(filled, thread_id="thr_2")).data == [other]

    async def test_a_thread_made_anew_has_none_of_the_old_items(
        self, filled: Store[RequestContext]
    ) -> None:
        await filled.delete_thread("thr_1", CONTEXT)
        await filled.save_thread(thread(), CONTEXT)
        assert await item_ids(filled) == []

    async def test_deleting_what_is_not_there_does_nothing(
        self, filled: Store[RequestContext]
    ) -> None:
        for _ in range(2):
            await filled.delete_thread("thr_none", CONTEXT)
            await filled.delete_thread_item("thr_1", "msg_none", CONTEXT)
            await filled.delete_thread_item("thr_none", "msg_1", CONTEXT)
            await filled.delete_attachment("atc_none", CONTEXT)
        assert len(await item_ids(filled)) == 5

    # Items

    @pytest.mark.parametrize("item", every_kind_of_item(), ids=lambda item: item.id)
    async def test_an_item_comes_back_as_it_was(
        self, store: Store[RequestContext], item: ThreadItem
    ) -> None:
        await store.save_thread(thread(), CONTEXT)
        await store.add_thread_item("thr_1", item, CONTEXT)
        assert await store.load_item("thr_1", item.id, CONTEXT) == item
        assert (await items_page(store)).data == [item]

    def test_no_type_of_item_is_forgotten_here(self) -> None:
        types = {
            member.model_fields["type"].default for member in get_args(get_args(ThreadItem)[0])
        }
        assert {item.type for item in every_kind_of_item()} == types

    @pytest.mark.parametrize("text", UNUSUAL_TEXTS, ids=lambda text: ascii(text[:12]))
    async def test_any_text_comes_back_as_it_was(
        self, store: Store[RequestContext], text: str
    ) -> None:
        saved = thread(title=text, metadata={text: text})
        await store.save_thread(saved, CONTEXT)
        await store.add_thread_item("thr_1", message("msg_1", text), CONTEXT)
        assert await store.load_thread("thr_1", CONTEXT) == saved
        assert await store.load_item("thr_1", "msg_1", CONTEXT) == message("msg_1", text)

    @pytest.mark.parametrize("moment", UNUSUAL_TIMES, ids=str)
    async def test_any_time_comes_back_as_it_was(
        self, store: Store[RequestContext], moment: datetime
    ) -> None:
        await store.save_thread(thread(created_at=moment), CONTEXT)
        await store.add_thread_item("thr_1", message("msg_1", created_at=moment), CONTEXT)
        assert (await store.load_thread("thr_1", CONTEXT)).created_at == moment
        loaded = await store.load_item("thr_1", "msg_1", CONTEXT)
        assert loaded.created_at == moment
        assert loaded.created_at.utcoffset() == moment.utcoffset()

    @pytest.mark.parametrize("again", ["save_item", "add_thread_item"])
    async def test_saving_again_replaces_an_item_in_its_place(
        self, filled: Store[RequestContext], again: str
    ) -> None:
        later = NOON + timedelta(days=1)
        changed = message("msg_2", "Changed", created_at=later)
        await getattr(filled, again)("thr_1", changed, CONTEXT)
        assert await filled.load_item("thr_1", "msg_2", CONTEXT) == changed
        assert await item_ids(filled) == ["msg_1", "msg_2", "msg_3", "msg_4", "msg_5"]

    async def test_an_item_may_change_its_type(self, filled: Store[RequestContext]) -> None:
        changed = EndOfTurnItem(id="msg_2", thread_id="thr_1", created_at=NOON)
        await filled.save_item("thr_1", changed, CONTEXT)
        assert await filled.load_item("thr_1", "msg_2", CONTEXT) == changed

    async def test_save_item_stores_what_was_never_added(
        self, filled: Store[RequestContext]
    ) -> None:
        await filled.save_item("thr_1", message("msg_6"), CONTEXT)
        assert (await item_ids(filled))[-1] == "msg_6"

    async def test_the_same_id_in_two_threads_is_two_items(
        self, filled: Store[RequestContext]
    ) -> None:
        await filled.save_thread(thread("thr_2"), CONTEXT)
        other = message("msg_1", "Other", thread_id="thr_2")
        await filled.add_thread_item("thr_2", other, CONTEXT)
        assert await filled.load_item("thr_1", "msg_1", CONTEXT) == message("msg_1")
        assert await filled.load_item("thr_2", "msg_1", CONTEXT) == other
        await filled.delete_thread_item("thr_2", "msg_1", CONTEXT)
        assert await filled.load_item("thr_1", "msg_1", CONTEXT) == message("msg_1")

    @pytest.mark.parametrize("save", ["save_item", "add_thread_item"])
    async def test_nothing_is_put_into_a_thread_that_is_not_there(
        self, store: Store[RequestContext], save: str
    ) -> None:
        with pytest.raises(NotFoundError, match="thr_1"):
            await getattr(store, save)("thr_1", message("msg_1"), CONTEXT)
        await store.save_thread(thread(), CONTEXT)
        assert await item_ids(store) == []

    async def test_an_item_is_not_found_by_way_of_another_thread(
        self, filled: Store[RequestContext]
    ) -> None:
        await filled.save_thread(thread("thr_2"), CONTEXT)
        for thread_id, item_id in [("thr_2", "msg_1"), ("thr_1", "msg_9"), ("thr_9", "msg_1")]:
            with pytest.raises(NotFoundError, match=item_id):
                await filled.load_item(thread_id, item_id, CONTEXT)

    async def test_a_deleted_item_is_gone(self, filled: Store[RequestContext]) -> None:
        await filled.delete_thread_item("thr_1", "msg_3", CONTEXT)
        assert await item_ids(filled) == ["msg_1", "msg_2", "msg_4", "msg_5"]
        with pytest.raises(NotFoundError):
            await filled.load_item("thr_1", "msg_3", CONTEXT)

    async def test_an_item_that_was_deleted_comes_back_at_the_end(
        self, filled: Store[RequestContext]
    ) -> None:
        await filled.delete_thread_item("thr_1", "msg_3", CONTEXT)
        await filled.add_thread_item("thr_1", message("msg_3"), CONTEXT)
        assert await item_ids(filled) == ["msg_1", "msg_2", "msg_4", "msg_5", "msg_3"]

    # Pages

    @pytest.mark.parametrize("order", ["asc", "desc"])
    @pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6])
    async def test_pages_follow_one_another_without_gap_or_overlap(
        self, filled: Store[RequestContext], order: str, limit: int
    ) -> None:
        seen: list[str] = []
        after: str | None = None
        while True:
            page = await items_page(filled, after=after, limit=limit, order=order)
            seen += [item.id for item in page.data]
            assert page.has_more == (len(seen) < 5)
            assert page.after == (page.data[-1].id if page.has_more else None)
            if not page.has_more:
                break
            after = page.after
        expected = ["msg_1", "msg_2", "msg_3", "msg_4", "msg_5"]
        assert seen == (expected if order == "asc" else expected[::-1])

    async def test_threads_are_paged_too(self, store: Store[RequestContext]) -> None:
        for number in range(1, 4):
            await store.save_thread(thread(f"thr_{number}"), CONTEXT)
        await store.save_thread(thread("thr_1", title="Saved last"), CONTEXT)
        first = await store.load_threads(2, None, "desc", CONTEXT)
        assert [one.id for one in first.data] == ["thr_3", "thr_2"]
        assert (first.has_more, first.after) == (True, "thr_2")
        second = await store.load_threads(2, first.after, "desc", CONTEXT)
        assert [one.title for one in second.data] == ["Saved last"]
        assert (second.has_more, second.after) == (False, None)

    async def test_a_page_after_the_last_item_is_empty(self, filled: Store[RequestContext]) -> None:
        page = await items_page(filled, after="msg_5")
        assert (page.data, page.has_more, page.after) == ([], False, None)

    async def test_items_that_come_while_somebody_pages_shift_nothing(
        self, filled: Store[RequestContext]
    ) -> None:
        first = await items_page(filled, limit=2, order="desc")
        await filled.add_thread_item("thr_1", message("msg_6"), CONTEXT)
        second = await items_page(filled, after=first.after, limit=2, order="desc")
        assert [item.id for item in second.data] == ["msg_3", "msg_2"]

    async def test_an_unknown_cursor_is_not_found(self, filled: Store[RequestContext]) -> None:
        await filled.save_thread(thread("thr_2"), CONTEXT)
        with pytest.raises(NotFoundError, match="msg_9"):
            await items_page(filled, after="msg_9")
        with pytest.raises(NotFoundError, match="msg_1"):
            await items_page(filled, thread_id="thr_2", after="msg_1")
        with pytest.raises(NotFoundError, match="thr_9"):
            await filled.load_threads(20, "thr_9", "asc", CONTEXT)

    @pytest.mark.parametrize(("limit", "size"), [(0, 1), (-5, 1), (10**9, 1000), (10**30, 1000)])
    async def test_limits_are_clamped(
        self, store: Store[RequestContext], limit: int, size: int
    ) -> None:
        await store.save_thread(thread(), CONTEXT)
        await asyncio.gather(
            *(
                store.add_thread_item("thr_1", message(f"msg_{number}"), CONTEXT)
                for number in range(1001)
            )
        )
        page = await items_page(store, limit=limit)
        assert len(page.data) == size
        assert page.has_more

    async def test_another_order_is_refused(self, filled: Store[RequestContext]) -> None:
        with pytest.raises(ValueError, match="asc"):
            await items_page(filled, order="seq; DROP TABLE items")
        assert len(await item_ids(filled)) == 5

    # Attachments

    async def test_an_attachment_comes_back_as_it_was(self, store: Store[RequestContext]) -> None:
        for attachment in (file(), image()):
            await store.save_attachment(attachment, CONTEXT)
            assert await store.load_attachment(attachment.id, CONTEXT) == attachment

    async def test_saving_again_replaces_an_attachment(self, store: Store[RequestContext]) -> None:
        await store.save_attachment(image(), CONTEXT)
        uploaded = image().model_copy(update={"upload_descriptor": None, "thread_id": "thr_1"})
        await store.save_attachment(uploaded, CONTEXT)
        assert await store.load_attachment("image", CONTEXT) == uploaded

    async def test_a_deleted_attachment_is_not_found(self, store: Store[RequestContext]) -> None:
        await store.save_attachment(file(), CONTEXT)
        await store.delete_attachment("file", CONTEXT)
        with pytest.raises(NotFoundError, match="file"):
            await store.load_attachment("file", CONTEXT)

    # Ids, and many at a time

    async def test_ids_keep_their_prefix_and_carry_128_bits(
        self, store: Store[RequestContext]
    ) -> None:
        prefixes: dict[Any, str] = {
            "message": "msg",
            "tool_call": "tc",
            "workflow": "wf",
            "task": "tsk",
            "sdk_hidden_context": "shcx",
        }
        made = {kind: store.generate_item_id(kind, thread(), CONTEXT) for kind in prefixes}
        made["thread"] = store.generate_thread_id(CONTEXT)
        for kind, prefix in (prefixes | {"thread": "thr"}).items():
            start, _, random = made[kind].rpartition("_")
            assert start == prefix
            assert len(bytes.fromhex(random)) >= 16
        assert len({store.generate_thread_id(CONTEXT) for _ in range(1000)}) == 1000

    async def test_100_writers_at_once_lose_nothing(self, store: Store[RequestContext]) -> None:
        async def talk(thread_id: str) -> None:
            await store.save_thread(thread(thread_id), CONTEXT)
            for number in range(10):
                item = message(f"msg_{number}", "…", thread_id)
                await store.add_thread_item(thread_id, item, CONTEXT)
                assert await store.load_item(thread_id, item.id, CONTEXT) == item

        threads = [f"thr_{number}" for number in range(100)]
        await asyncio.gather(*map(talk, threads))
        for thread_id in threads:
            assert await item_ids(store, thread_id) == [f"msg_{number}" for number in range(10)]
