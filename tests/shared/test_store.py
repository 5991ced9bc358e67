"""The SQLite Store: the contract, and what only SQLite has to promise."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from chatkit.store import Store
from chatkit.types import Page, Thread, ThreadItem, ThreadMetadata

import shared.database
from shared.context import RequestContext
from shared.database import Database, DatabaseError
from shared.store import SQLiteStore
from tests.shared.store_contract import (
    CONTEXT,
    NOON,
    StoreContract,
    item_ids,
    items_page,
    message,
    thread,
)

ROOT = Path(__file__).parents[2]
NOTES = "CREATE TABLE IF NOT EXISTS notes (text TEXT NOT NULL CHECK (text <> ''));"
ADD = "INSERT INTO notes (text) VALUES (?)"
ALL = "SELECT text FROM notes ORDER BY rowid"
HANG_SECONDS = 60  # after which a test fails instead of waiting for ever


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


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chatkit.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    """A Database with a table `notes`, which refuses an empty text."""
    database = Database(path)
    database.add_schema(NOTES)
    yield database
    await database.close()


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SQLiteStore[RequestContext]]:
    store = SQLiteStore[RequestContext](path)
    yield store
    await store.database.close()


class Gate:
    """Work that holds the writing thread up until it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()

    def __call__(self, connection: sqlite3.Connection) -> None:
        self.opened.wait()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()  # before the database is closed, also when the test failed


async def notes(database: Database) -> list[str]:
    return [row["text"] for row in await database.rows(ALL)]


def child(script: str, *arguments: object) -> subprocess.Popen[str]:
    """Another process that runs the script, in which `path` is the first argument."""
    head = (
        "import asyncio, sys\n"
        "from shared.database import Database\n"
        "from shared.store import SQLiteStore\n"
        "from tests.shared.store_contract import CONTEXT, message, thread\n"
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
    await store.database.transaction(lambda connection: connection.set_progress_handler(count, 1))
    newest, behind = await cost(None), await cost("msg_20")
    await store.database.transaction(lambda connection: connection.set_progress_handler(None, 1))
    await fill(21, 10_000)
    await store.database.transaction(lambda connection: connection.set_progress_handler(count, 1))
    assert await cost(None) == newest > 0
    assert await cost("msg_5000") <= behind + 20  # a row more to find out that more follow
    await store.database.close()


# Group commit


async def test_what_waits_is_committed_at_once_and_in_order(database: Database, gate: Gate) -> None:
    statements: list[str] = []
    await database.transaction(lambda connection: connection.set_trace_callback(statements.append))
    held = asyncio.create_task(database.transaction(gate))
    await asyncio.sleep(0)
    writes = [asyncio.create_task(database.write(ADD, [str(number)])) for number in range(100)]
    await asyncio.sleep(0)
    statements.clear()
    gate.opened.set()
    await held
    assert await asyncio.gather(*writes) == [1] * 100
    assert statements.count("COMMIT") <= 2  # the gate's own, and one for all the others
    assert await notes(database) == [str(number) for number in range(100)]


async def test_only_the_culprit_hears_of_an_error(database: Database) -> None:
    outcomes = await asyncio.gather(
        *(database.write(ADD, ["" if number == 50 else str(number)]) for number in range(100)),
        return_exceptions=True,
    )
    assert isinstance(outcomes.pop(50), sqlite3.IntegrityError)
    assert outcomes == [1] * 99
    assert await notes(database) == [str(number) for number in range(100) if number != 50]


async def test_a_transaction_is_kept_whole_or_not_at_all(database: Database) -> None:
    def two(first: str, second: str) -> Callable[[sqlite3.Connection], int]:
        def work(connection: sqlite3.Connection) -> int:
            connection.execute(ADD, [first])
            connection.execute(ADD, [second])
            return connection.execute("SELECT count(*) FROM notes").fetchone()[0]  # type: ignore[no-any-return]

        return work

    first, failed, last = await asyncio.gather(
        database.transaction(two("a", "b")),
        database.transaction(two("c", "")),
        database.transaction(two("d", "e")),
        return_exceptions=True,
    )
    assert isinstance(failed, sqlite3.IntegrityError)
    assert (first, last) == (2, 4)
    assert await notes(database) == ["a", "b", "d", "e"]


async def test_an_exception_of_the_work_itself_undoes_it(database: Database) -> None:
    def work(connection: sqlite3.Connection) -> None:
        connection.execute(ADD, ["a"])
        raise LookupError("never mind")

    with pytest.raises(LookupError, match="never mind"):
        await database.transaction(work)
    assert await database.write(ADD, ["b"]) == 1
    assert await notes(database) == ["b"]


async def test_a_stop_iteration_leaves_nobody_waiting(database: Database) -> None:
    outcomes = await asyncio.gather(
        database.transaction(lambda connection: next(connection.execute(ALL))),  # no row
        database.write(ADD, ["a"]),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [RuntimeError, int]


async def test_readers_do_not_wait_for_writers(database: Database, gate: Gate) -> None:
    await database.write(ADD, ["a"])
    held = asyncio.create_task(database.transaction(gate))
    await asyncio.sleep(0)
    assert await asyncio.wait_for(notes(database), HANG_SECONDS) == ["a"]
    assert not held.done()


async def test_a_cancelled_caller_costs_the_others_nothing(database: Database, gate: Gate) -> None:
    held = asyncio.create_task(database.transaction(gate))
    await asyncio.sleep(0)
    writes = [asyncio.create_task(database.write(ADD, [str(number)])) for number in range(10)]
    await asyncio.sleep(0)
    held.cancel()
    writes[0].cancel()
    writes[7].cancel()
    await asyncio.sleep(0)
    gate.opened.set()
    everything = asyncio.gather(*writes, return_exceptions=True)
    outcomes = await asyncio.wait_for(everything, HANG_SECONDS)
    assert [type(outcome) for outcome in outcomes].count(asyncio.CancelledError) == 2
    assert [outcome for outcome in outcomes if isinstance(outcome, int)] == [1] * 8
    # What was asked for is done, in its place; only the answer was not wanted any more.
    assert await notes(database) == [str(number) for number in range(10)]


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


# Loops, closing, ending


def test_a_database_outlives_event_loops(path: Path) -> None:
    database = Database(path)
    database.add_schema(NOTES)
    for number in range(3):
        assert asyncio.run(database.write(ADD, [str(number)])) == 1
    assert asyncio.run(notes(database)) == ["0", "1", "2"]
    asyncio.run(database.close())


def test_a_loop_that_is_closed_too_early_stops_nobody(path: Path, gate: Gate) -> None:
    database = Database(path)
    database.add_schema(NOTES)

    async def leave() -> None:
        for write in (database.transaction(gate), database.write(ADD, ["left behind"])):
            task = asyncio.create_task(write)
            await asyncio.sleep(0)
            task.cancel()

    asyncio.run(leave())
    gate.opened.set()
    later = asyncio.wait_for(database.write(ADD, ["later"]), HANG_SECONDS)
    assert asyncio.run(later) == 1
    assert asyncio.run(notes(database)) == ["left behind", "later"]
    asyncio.run(database.close())


async def test_making_a_database_does_not_touch_the_disk(tmp_path: Path) -> None:
    database = Database(tmp_path / "folder" / "chatkit.db")
    SQLiteStore[RequestContext](database)
    await database.close()
    assert os.listdir(tmp_path) == []


async def test_closing_twice_is_fine_and_a_later_use_opens_again(database: Database) -> None:
    await database.write(ADD, ["a"])
    unfinished = asyncio.create_task(database.write(ADD, ["b"]))
    await asyncio.sleep(0)
    await asyncio.gather(database.close(), database.close())
    assert unfinished.done()
    assert await notes(database) == ["a", "b"]


async def test_the_file_stays_the_same_when_the_folder_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    database = Database("chatkit.db")
    database.add_schema(NOTES)
    await database.write(ADD, ["a"])
    monkeypatch.chdir(ROOT)
    assert await notes(database) == ["a"]
    await database.close()


@pytest.mark.parametrize(("setting", "value"), [("journal_mode", "wal"), ("foreign_keys", 1)])
async def test_settings(database: Database, setting: str, value: object) -> None:
    assert (await database.rows(f"PRAGMA {setting}"))[0][0] == value
    work = await database.transaction(lambda c: c.execute(f"PRAGMA {setting}").fetchone()[0])
    assert work == value


async def test_a_schema_that_fails_leaves_nothing_behind(database: Database) -> None:
    await database.write(ADD, ["a"])
    database.add_schema("CREATE TABLE half (x); CREATE TABLE (y);")
    for _ in range(2):
        with pytest.raises(sqlite3.OperationalError, match="syntax error"):
            await database.write(ADD, ["b"])
    with closing(sqlite3.connect(database.path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        assert tables.fetchall() == [("notes",)]


async def test_a_schema_may_come_late(database: Database) -> None:
    await database.write(ADD, ["a"])
    database.add_schema("CREATE TABLE IF NOT EXISTS more (x)")
    assert await database.rows("SELECT x FROM more") == []


def test_a_program_that_forgets_to_close_ends(path: Path) -> None:
    script = (
        "store = SQLiteStore(Database(path))\n"
        "asyncio.run(store.save_thread(thread(), CONTEXT))\n"
        "asyncio.run(store.load_thread('thr_1', CONTEXT))\n"
    )
    with child(script, path) as process:
        assert process.wait(timeout=HANG_SECONDS) == 0


# Processes


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


# What can be wrong with a file


def test_a_folder_that_cannot_be_made_is_named(path: Path) -> None:
    path.write_text("no folder")
    database = Database(path / "chatkit.db")
    sentence = r"chatkit\.db needs a folder that cannot be made \(.*CHATKIT_DATABASE"
    with pytest.raises(DatabaseError, match=sentence):
        asyncio.run(database.write(NOTES))
    with pytest.raises(DatabaseError, match=sentence):
        asyncio.run(database.rows("SELECT 1"))


async def test_a_folder_in_the_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"cannot be opened.*CHATKIT_DATABASE"):
        await Database(tmp_path).rows("SELECT 1")


def test_a_file_that_is_no_database_is_named(path: Path) -> None:
    path.write_text("Dear diary, " * 100)
    store = SQLiteStore[RequestContext](path)
    with pytest.raises(DatabaseError, match=r"is not an SQLite database\. Move"):
        asyncio.run(store.load_thread("thr_1", CONTEXT))
    assert path.read_text() == "Dear diary, " * 100
    path.unlink()  # as it said
    asyncio.run(store.save_thread(thread(), CONTEXT))
    assert asyncio.run(store.load_thread("thr_1", CONTEXT)) == thread()
    asyncio.run(store.database.close())


async def test_a_full_disk_is_named_and_costs_only_what_did_not_fit(database: Database) -> None:
    await database.write(ADD, ["small"])

    def fill_the_disk(connection: sqlite3.Connection) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")

    await database.transaction(fill_the_disk)
    outcomes = await asyncio.gather(
        database.write(ADD, ["fits"]),
        database.write(ADD, ["x" * 100_000]),
        database.write(ADD, ["fits too"]),
        return_exceptions=True,
    )
    assert (outcomes[0], outcomes[2]) == (1, 1)
    assert isinstance(outcomes[1], DatabaseError)
    assert "disk is full" in str(outcomes[1])
    assert await notes(database) == ["small", "fits", "fits too"]


async def test_a_file_that_may_only_be_read_is_named(database: Database, path: Path) -> None:
    await database.write(ADD, ["a"])
    read_only = Database(f"file:{path}?mode=ro")
    with pytest.raises(DatabaseError, match="may only be read"):
        await read_only.write(ADD, ["b"])
    assert await notes(read_only) == ["a"]
    await read_only.close()


async def test_a_file_that_others_lock_for_a_while_is_waited_for(
    database: Database, path: Path
) -> None:
    await database.write(ADD, ["a"])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        write = asyncio.create_task(database.write(ADD, ["b"]))
        await asyncio.wait([write], timeout=0.2)
        assert not write.done()
        other.execute("ROLLBACK")
    assert await write == 1


async def test_a_file_that_others_keep_locked_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.database, "BUSY_SECONDS", 0)
    database = Database(path)
    database.add_schema(NOTES)
    await database.write(ADD, ["a"])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        outcomes = await asyncio.gather(
            *(database.write(ADD, ["b"]) for _ in range(3)), return_exceptions=True
        )
        assert ["another process" in str(outcome) for outcome in outcomes] == [True] * 3
        assert await notes(database) == ["a"]
        other.execute("ROLLBACK")
    assert await database.write(ADD, ["c"]) == 1
    await database.close()


async def test_wrong_statements_keep_their_own_errors(database: Database) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await database.rows("SELECT * FROM nowhere")
    with pytest.raises(sqlite3.ProgrammingError):
        await database.write(ADD, ["too", "many"])
