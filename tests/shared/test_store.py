"""The SQLite Store: the contract, and what only SQLite has to promise."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import aiosqlite
import pytest
from chatkit.store import Store
from chatkit.types import Page, Thread, ThreadItem, ThreadMetadata

from checkpoints.cluster import Urls
from shared.context import RequestContext
from shared.postgres import PostgresDatabase
from shared.store import SQLiteStore
from tests.shared.examples import CONTEXT, NOON, message, thread
from tests.shared.notes import HANG_SECONDS
from tests.shared.store_contract import StoreContract, item_ids, items_page

ROOT = Path(__file__).parents[2]


class TestSQLiteFile(StoreContract):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[Store[RequestContext]]:
        store = SQLiteStore[RequestContext](tmp_path / "new folder" / "chatkit.db")
        yield store
        await store.database.close()


class TestSQLiteMemory(StoreContract):
    @pytest.fixture
    async def store(self) -> AsyncIterator[Store[RequestContext]]:
        store = SQLiteStore[RequestContext](":memory:")
        yield store
        await store.database.close()


class TestSQLiteSharedMemory(StoreContract):
    @pytest.fixture
    async def store(self, request: pytest.FixtureRequest) -> AsyncIterator[Store[RequestContext]]:
        uri = f"file:memory-{id(request)}?mode=memory&cache=shared"
        with closing(sqlite3.connect(uri, uri=True)):  # keeps it alive, as another user would
            store = SQLiteStore[RequestContext](uri)
            yield store
            await store.database.close()


class TestPostgres(StoreContract):
    """The same tables without owners: what differs between the databases is none of the Store's."""

    @pytest.fixture
    async def store(self, postgres: Urls) -> AsyncIterator[Store[RequestContext]]:
        store = SQLiteStore[RequestContext](PostgresDatabase(postgres.app, postgres.owner))
        yield store
        await store.database.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chatkit.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SQLiteStore[RequestContext]]:
    store = SQLiteStore[RequestContext](path)
    yield store
    await store.database.close()


def child(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Another process that runs the script, in which `path` is the first argument."""
    head = (
        "import asyncio, sys\n"
        "from shared.database import Database\n"
        "from shared.store import SQLiteStore\n"
        "from tests.shared.examples import CONTEXT, message, thread\n"
        "path, *arguments = sys.argv[1:]\n"
    )
    command = [sys.executable, "-c", head + script, *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


# What a person sees


async def test_the_tables_read_well(store: SQLiteStore[RequestContext], path: Path) -> None:
    local = datetime(2026, 1, 31, 12)
    await store.save_thread(thread(title="Plans"), CONTEXT)
    await store.add_thread_item("thr_1", message("msg_1"), CONTEXT)
    await store.add_thread_item("thr_1", message("msg_2", created_at=local), CONTEXT)
    with closing(sqlite3.connect(path)) as connection:
        threads = connection.execute("SELECT seq, id, title, created_at FROM threads").fetchall()
        items = connection.execute("SELECT seq, thread_id, id, type, created_at FROM items")
        text = "SELECT data ->> '$.content[0].text' FROM items"
        assert threads == [(1, "thr_1", "Plans", "2026-01-31T12:00:00.000000Z")]
        first, second = items.fetchall()
        assert first == (1, "thr_1", "msg_1", "assistant_message", "2026-01-31T12:00:00.000000Z")
        assert datetime.fromisoformat(second[-1]) == local.astimezone()
        assert connection.execute(text).fetchall() == [("Hello",), ("Hello",)]


async def test_a_threads_row_holds_none_of_its_items(
    store: SQLiteStore[RequestContext],
) -> None:
    items = Page[ThreadItem](data=[message("msg_1")])
    await store.save_thread(Thread(id="thr_1", created_at=NOON, items=items), CONTEXT)
    (row,) = await store.database.rows("SELECT data FROM threads")
    assert set(json.loads(row["data"])) == set(ThreadMetadata.model_fields)


async def test_the_newest_20_of_10_000_cost_as_much_as_20_of_20() -> None:
    store = SQLiteStore[RequestContext](":memory:")
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    async def watch(connection: aiosqlite.Connection) -> None:
        await connection.set_progress_handler(count, 1)

    async def fill(first: int, last: int) -> None:
        await asyncio.gather(
            *(store.save_item("thr_1", message(f"msg_{n}"), CONTEXT) for n in range(first, last))
        )

    async def cost(after: str | None) -> int:
        nonlocal steps
        steps = 0
        page = await items_page(store, after=after, limit=20, order="desc")
        assert len(page.data) == 20
        return steps

    await store.save_thread(thread(), CONTEXT)
    await fill(0, 21)
    # In memory one connection does everything, so this one sees the steps of the queries too.
    await store.database.transaction(watch)
    newest, behind = await cost(None), await cost("msg_20")
    await fill(21, 10_000)
    assert await cost(None) == newest > 0
    assert await cost("msg_5000") <= behind + 20  # a row more to find out that more follow
    await store.database.close()


async def test_only_a_missing_thread_is_not_found(store: SQLiteStore[RequestContext]) -> None:
    store.database.add_schema(
        "CREATE TRIGGER full BEFORE INSERT ON items BEGIN SELECT RAISE(ABORT, 'full'); END"
    )
    await store.save_thread(thread(), CONTEXT)
    with pytest.raises(sqlite3.IntegrityError, match="full"):
        await store.save_item("thr_1", message("msg_1"), CONTEXT)


# Cancelling and processes


async def test_writers_that_are_cancelled_at_random_moments_leave_whole_items(
    store: SQLiteStore[RequestContext],
) -> None:
    await store.save_thread(thread(), CONTEXT)
    tasks = [
        asyncio.create_task(store.add_thread_item("thr_1", message(f"msg_{number}"), CONTEXT))
        for number in range(300)
    ]
    for number, task in enumerate(tasks):
        if number % 3 == 0:
            task.cancel()
        if number % 10 == 0:
            await asyncio.sleep(0)
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    answered = {f"msg_{n}" for n, outcome in enumerate(outcomes) if outcome is None}
    page = await items_page(store, limit=1000)
    assert answered <= {item.id for item in page.data}
    assert page.data == [message(item.id) for item in page.data]


def test_a_program_that_forgets_to_close_ends(path: Path) -> None:
    script = (
        "store = SQLiteStore(Database(path))\n"
        "asyncio.run(store.save_thread(thread(), CONTEXT))\n"
        "asyncio.run(store.load_thread('thr_1', CONTEXT))\n"
    )
    with child(script, path) as process:
        assert process.wait(timeout=HANG_SECONDS) == 0


async def test_two_stores_and_two_processes_share_one_file(
    store: SQLiteStore[RequestContext], path: Path
) -> None:
    script = (
        "async def main():\n"
        "    store = SQLiteStore(path)\n"
        "    print('ready', flush=True)\n"
        "    sys.stdin.readline()\n"
        "    await store.save_thread(thread(arguments[0]), CONTEXT)\n"
        "    async def talk(number):\n"
        "        item = message(f'{arguments[0]}_{number}')\n"
        "        await store.add_thread_item('thr_1', item, CONTEXT)\n"
        "        assert await store.load_item('thr_1', item.id, CONTEXT) == item\n"
        "    for first in range(0, 100, 20):\n"
        "        await asyncio.gather(*(talk(first + number) for number in range(20)))\n"
        "asyncio.run(main())\n"
    )
    await store.save_thread(thread(), CONTEXT)
    second = SQLiteStore[RequestContext](path)
    with child(script, path, "thr_2") as one, child(script, path, "thr_3") as two:
        for process in (one, two):
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in (one, two):
            print("go", file=process.stdin, flush=True)
        await asyncio.gather(
            *(
                one_store.add_thread_item("thr_1", message(f"{name}_{number}"), CONTEXT)
                for number in range(100)
                for name, one_store in (("here", store), ("there", second))
            )
        )
        assert (one.wait(timeout=HANG_SECONDS), two.wait(timeout=HANG_SECONDS)) == (0, 0)
    expected = {f"{n}_{i}" for n in ("thr_2", "thr_3", "here", "there") for i in range(100)}
    assert set(await item_ids(store)) == expected
    await second.database.close()


async def test_kill_9_loses_nothing_that_was_acknowledged(
    store: SQLiteStore[RequestContext], path: Path
) -> None:
    script = (
        "async def main():\n"
        "    store = SQLiteStore(path)\n"
        "    await store.save_thread(thread(), CONTEXT)\n"
        "    async def talk(writer):\n"
        "        for number in range(1_000_000):\n"
        "            item = message(f'{writer}_{number}')\n"
        "            await store.add_thread_item('thr_1', item, CONTEXT)\n"
        "            print(item.id, flush=True)\n"
        "    await asyncio.gather(*(talk(writer) for writer in range(20)))\n"
        "asyncio.run(main())\n"
    )
    with child(script, path) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline() for _ in range(500)]
        process.kill()
        acknowledged += process.stdout.readlines()
    names = [line.strip() for line in acknowledged if line.endswith("\n")]
    assert len(names) >= 500
    for name in names:
        assert await store.load_item("thr_1", name, CONTEXT) == message(name)
