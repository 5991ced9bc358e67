"""The Database: what waits is committed together, and what is asked for is done."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from pathlib import Path

import aiosqlite
import pytest

from shared.database import Database
from tests.shared.notes import ADD, ALL, HANG_SECONDS, notes, notes_at

NUMBERS = [str(number) for number in range(100)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chatkit.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    database = notes_at(path)
    yield database
    await database.close()


class Gate:
    """Work that keeps its transaction open until the gate is opened."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.opened = asyncio.Event()

    async def __call__(self, connection: aiosqlite.Connection) -> None:
        self.entered.set()
        await self.opened.wait()


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
async def held(database: Database, gate: Gate) -> AsyncIterator[asyncio.Task[None]]:
    """A caller whose transaction is open until the gate is opened."""
    held = asyncio.create_task(database.transaction(gate))
    await gate.entered.wait()
    yield held
    gate.opened.set()  # before the database is closed, also when the test failed


async def write_all(database: Database, texts: list[str]) -> list[asyncio.Task[None]]:
    writes = [asyncio.create_task(database.write(ADD, [text])) for text in texts]
    await asyncio.sleep(0)
    return writes


# Group commit


async def test_what_waits_is_committed_at_once_and_in_order(database: Database, gate: Gate) -> None:
    statements: list[str] = []

    async def trace(connection: aiosqlite.Connection) -> None:
        await connection.set_trace_callback(statements.append)
        await gate(connection)

    held = asyncio.create_task(database.transaction(trace))
    await gate.entered.wait()
    writes = await write_all(database, NUMBERS)
    gate.opened.set()
    await asyncio.gather(held, *writes)
    assert statements.count("COMMIT") <= 2  # the gate's own, and one for all the others
    assert await notes(database) == NUMBERS


async def test_the_order_holds_among_different_writes(database: Database) -> None:
    async def add_two(connection: aiosqlite.Connection) -> None:
        await connection.executemany(ADD, [["b"], ["c"]])

    await asyncio.gather(
        database.write(ADD, ["a"]),
        database.transaction(add_two),
        database.write("UPDATE notes SET text = text || '!'"),
        database.write(ADD, ["d"]),
        database.write(ADD, ["e"]),
        database.write("DELETE FROM notes WHERE text IN (?, ?)", ["b!", "e"]),
    )
    assert await notes(database) == ["a!", "c!", "d"]


async def test_only_the_culprit_hears_of_an_error(database: Database) -> None:
    writes = (database.write(ADD, ["" if number == "50" else number]) for number in NUMBERS)
    everything = asyncio.gather(*writes, return_exceptions=True)
    outcomes = await asyncio.wait_for(everything, HANG_SECONDS)
    assert isinstance(outcomes.pop(50), sqlite3.IntegrityError)
    assert outcomes == [None] * 99
    assert await notes(database) == [number for number in NUMBERS if number != "50"]


async def test_readers_do_not_wait_for_writers(
    database: Database, held: asyncio.Task[None]
) -> None:
    assert await asyncio.wait_for(notes(database), HANG_SECONDS) == []
    assert not held.done()


async def test_a_cancelled_caller_costs_the_others_nothing(
    database: Database, gate: Gate, held: asyncio.Task[None]
) -> None:
    writes = await write_all(database, NUMBERS[:10])
    for task in (held, writes[0], writes[7]):
        task.cancel()
    await asyncio.sleep(0)
    gate.opened.set()
    everything = asyncio.gather(*writes, return_exceptions=True)
    outcomes = await asyncio.wait_for(everything, HANG_SECONDS)
    assert [type(outcome) for outcome in outcomes].count(asyncio.CancelledError) == 2
    assert outcomes.count(None) == 8
    # What was asked for is done, in its place; only the answer was not wanted any more.
    assert await notes(database) == NUMBERS[:10]


# Transactions


async def test_a_transaction_is_kept_whole_or_not_at_all(database: Database) -> None:
    def two(first: str, second: str) -> Callable[[aiosqlite.Connection], Awaitable[int]]:
        async def work(connection: aiosqlite.Connection) -> int:
            await connection.execute(ADD, [first])
            await connection.execute(ADD, [second])
            return len(list(await connection.execute_fetchall(ALL)))

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


@pytest.mark.parametrize("where", ["a file", ":memory:"])
async def test_nobody_sees_half_of_a_transaction(path: Path, where: str, gate: Gate) -> None:
    database = notes_at(path if where == "a file" else where)

    async def work(connection: aiosqlite.Connection) -> None:
        await connection.execute(ADD, ["a"])
        await gate(connection)
        await connection.execute(ADD, ["b"])

    assert await notes(database) == []
    written = asyncio.create_task(database.transaction(work))
    await gate.entered.wait()
    read = asyncio.create_task(notes(database))
    await asyncio.wait([read], timeout=0.1)  # in memory it has to wait
    gate.opened.set()
    assert await read in ([], ["a", "b"])
    await written
    assert await notes(database) == ["a", "b"]
    await database.close()


async def test_an_exception_of_the_work_itself_undoes_it(database: Database) -> None:
    async def work(connection: aiosqlite.Connection) -> None:
        await connection.execute(ADD, ["a"])
        raise LookupError("never mind")

    with pytest.raises(LookupError, match="never mind"):
        await database.transaction(work)
    await database.write(ADD, ["b"])
    assert await notes(database) == ["b"]


@pytest.mark.parametrize(
    ("raised", "heard"),
    [(StopIteration, RuntimeError), (asyncio.CancelledError, asyncio.CancelledError)],
)
async def test_no_exception_of_the_work_leaves_anybody_waiting(
    database: Database, raised: type[BaseException], heard: type[BaseException]
) -> None:
    def work(connection: aiosqlite.Connection) -> Awaitable[None]:
        raise raised

    writes = database.transaction(work), database.write(ADD, ["a"])
    everything = asyncio.gather(*writes, return_exceptions=True)
    outcomes = await asyncio.wait_for(everything, HANG_SECONDS)
    assert [type(outcome) for outcome in outcomes] == [heard, type(None)]
    assert await notes(database) == ["a"]


async def test_work_that_waits_for_its_own_database_is_refused(database: Database) -> None:
    async def work(connection: aiosqlite.Connection) -> None:
        await database.write(ADD, ["a"])

    with pytest.raises(RuntimeError, match="use its connection"):
        await database.transaction(work)


# Opening and closing


async def test_making_a_database_does_not_touch_the_disk(tmp_path: Path) -> None:
    database = notes_at(tmp_path / "folder" / "chatkit.db")
    await database.close()
    assert os.listdir(tmp_path) == []


async def test_closing_twice_is_fine_and_a_later_use_opens_again(database: Database) -> None:
    await database.write(ADD, ["a"])
    unfinished = asyncio.create_task(database.write(ADD, ["b"]))
    await asyncio.sleep(0)
    await asyncio.gather(database.close(), database.close())
    assert unfinished.done()
    assert await notes(database) == ["a", "b"]


async def test_what_is_asked_for_while_it_closes_is_done(database: Database) -> None:
    await database.write(ADD, ["a"])
    write, read = database.write(ADD, ["b"]), notes(database)
    assert (await asyncio.gather(database.close(), write, read))[-1] == ["a", "b"]


async def test_closing_leaves_one_whole_file(database: Database, path: Path) -> None:
    await database.write(ADD, ["a"])
    await database.close()
    assert os.listdir(path.parent) == [path.name]


async def test_the_file_stays_the_same_when_the_folder_is_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    database = notes_at("chatkit.db")
    await database.write(ADD, ["a"])
    monkeypatch.chdir(tmp_path / "elsewhere")
    await database.close()
    assert await notes(database) == ["a"]
    await database.close()


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
