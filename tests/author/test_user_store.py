"""Checkpoint 6's Stores, on both databases: the contract, and for each user a Store of their own."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from chatkit.store import NotFoundError, Store

from shared.context import RequestContext
from shared.database import AnyDatabase
from shared.settings import get_settings
from shared.store import SQLiteStore
from shared.task_manager import TaskStorage
from tests.shared.examples import file, message, thread
from tests.shared.store_contract import StoreContract

from .databases import DATABASES, Place, place
from .people import TABLES, context, store_class

pytestmark = pytest.mark.slow

ALICE, BOB = context("alice"), context("bob")
STEPS = 300  # of the random walk
THREADS, ITEMS, FILES = ("thr_1", "thr_2"), ("msg_1", "msg_2", "msg_3"), ("file_1", "file_2")


@pytest.fixture(scope="module", params=DATABASES)
def where(request: pytest.FixtureRequest) -> Place:
    return place(request.param, request)


@pytest.fixture(autouse=True)
def audit_trail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In a folder of the test's own."""
    monkeypatch.setenv("CHATKIT_AUDIT", str(tmp_path / "audit.jsonl"))
    get_settings.cache_clear()
    yield
    monkeypatch.undo()
    get_settings.cache_clear()


@pytest.fixture
async def database(where: Place, tmp_path: Path) -> AsyncIterator[AnyDatabase]:
    """The database, and at the end nothing in it."""
    database = where.open(tmp_path / "chatkit.db")
    TaskStorage(database)  # the policies name its table too
    yield database
    if where.environment:  # every test has the same one
        for table in TABLES:
            await database.for_maintenance().write(f"DELETE FROM {table}")
    await database.close()


class TestUserStore(StoreContract):
    @pytest.fixture
    def store(self, database: AnyDatabase) -> Store[RequestContext]:
        store: Store[RequestContext] = store_class("UserStore")(database)
        return store


class TestSessionStore(StoreContract):
    @pytest.fixture
    def store(self, database: AnyDatabase) -> Store[RequestContext]:
        store: Store[RequestContext] = store_class("SessionStore")(database)
        return store


@pytest.fixture(params=["UserStore", "SessionStore"])
def store(request: pytest.FixtureRequest, database: AnyDatabase) -> Store[RequestContext]:
    store: Store[RequestContext] = store_class(request.param)(database)
    return store


async def test_the_same_ids_of_two_people_are_different_things(
    store: Store[RequestContext],
) -> None:
    for who in (ALICE, BOB):
        await store.save_thread(thread(title=who.user_id), who)
        await store.add_thread_item("thr_1", message("msg_1", who.user_id), who)
        await store.save_attachment(file().model_copy(update={"name": who.user_id}), who)
    for who in (ALICE, BOB):
        assert (await store.load_thread("thr_1", who)).title == who.user_id
        assert [one.title for one in (await store.load_threads(9, None, "asc", who)).data] == [
            who.user_id
        ]
        assert await store.load_item("thr_1", "msg_1", who) == message("msg_1", who.user_id)
        items = await store.load_thread_items("thr_1", None, 9, "asc", who)
        assert items.data == [message("msg_1", who.user_id)]
        assert (await store.load_attachment("file", who)).name == who.user_id
    await store.delete_attachment("file", BOB)
    await store.delete_thread_item("thr_1", "msg_1", BOB)
    await store.delete_thread("thr_1", BOB)
    assert (await store.load_thread("thr_1", ALICE)).title == "alice"
    assert await store.load_item("thr_1", "msg_1", ALICE) == message("msg_1", "alice")
    assert (await store.load_attachment("file", ALICE)).name == "alice"


async def test_what_is_somebody_elses_is_not_found_in_the_same_words(
    store: Store[RequestContext],
) -> None:
    await store.save_thread(thread(), ALICE)
    await store.add_thread_item("thr_1", message("msg_1"), ALICE)
    await store.save_attachment(file(), ALICE)

    async def words(method: str, *ids: Any) -> str:
        with pytest.raises(NotFoundError) as caught:
            await getattr(store, method)(*ids, BOB)
        return str(caught.value)

    none = thread("thr_0")
    await store.save_thread(thread("thr_2"), BOB)
    for method, theirs, nobodys in (
        ("load_thread", ("thr_1",), (none.id,)),
        ("load_item", ("thr_1", "msg_1"), (none.id, "msg_1")),
        ("load_item", ("thr_2", "msg_1"), ("thr_2", "msg_0")),
        ("load_attachment", ("file",), ("none",)),
        ("save_item", ("thr_1", message("msg_9")), (none.id, message("msg_9"))),
        ("add_thread_item", ("thr_1", message("msg_1")), (none.id, message("msg_1"))),
        ("load_threads", (9, "thr_1", "asc"), (9, none.id, "asc")),
        ("load_thread_items", ("thr_2", "msg_1", 9, "asc"), ("thr_2", "msg_0", 9, "asc")),
        ("load_thread_items", ("thr_1", "msg_1", 9, "asc"), (none.id, "msg_1", 9, "asc")),
    ):
        said = (await words(method, *theirs)).replace("thr_1", "…").replace("msg_1", "…")
        plain = (await words(method, *nobodys)).replace("thr_0", "…").replace("msg_0", "…")
        assert said.replace("file", "…") == plain.replace("msg_1", "…").replace("none", "…")
    assert (await store.load_thread_items("thr_1", None, 9, "asc", BOB)).data == []
    assert len((await store.load_thread_items("thr_1", None, 9, "asc", ALICE)).data) == 1


async def test_each_user_seems_to_have_a_store_of_their_own(store: Store[RequestContext]) -> None:
    """The same steps, at random, in one Store for two, and in two Stores with no users in them."""
    seed = int(os.environ.get("ISOLATION_SEED", random.randrange(10**6)))
    print(f"ISOLATION_SEED={seed}")
    chance = random.Random(seed)
    alone = {who: SQLiteStore[RequestContext](":memory:") for who in (ALICE, BOB)}

    async def outcome(of: Store[RequestContext], step: tuple[Any, ...], who: RequestContext) -> Any:
        method, *arguments = step
        try:
            return await getattr(of, method)(*arguments, who)
        except NotFoundError:
            return NotFoundError

    for number in range(STEPS):
        who = chance.choice((ALICE, BOB))
        step = random_step(chance, f"{who.user_id} {number}")
        assert await outcome(store, step, who) == await outcome(alone[who], step, who), step
    for one in alone.values():
        await one.database.close()


def random_step(chance: random.Random, text: str) -> tuple[Any, ...]:
    """A method of the Store and its arguments, but for the context."""
    where, item, kept = chance.choice(THREADS), chance.choice(ITEMS), chance.choice(FILES)
    page = (chance.choice((1, 2, 9)), chance.choice(("asc", "desc")))
    steps: list[tuple[Any, ...]] = [
        ("load_thread", where),
        ("load_threads", page[0], chance.choice((None, *THREADS)), page[1]),
        *[("save_thread", thread(where, title=text, metadata={"a": text}))] * 2,
        ("delete_thread", where),
        ("load_thread_items", where, chance.choice((None, *ITEMS)), *page),
        *[("add_thread_item", where, message(item, text, where))] * 2,
        ("save_item", where, message(item, text, where)),
        ("load_item", where, item),
        ("delete_thread_item", where, item),
        ("save_attachment", file().model_copy(update={"id": kept, "name": text})),
        ("load_attachment", kept),
        ("delete_attachment", kept),
    ]
    return chance.choice(steps)
