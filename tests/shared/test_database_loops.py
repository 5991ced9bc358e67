"""The Database and event loops that end: in good order, too early, in the middle of a statement."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.database import Database
from tests.shared.notes import ADD, HANG_SECONDS, notes, notes_at


class Hold:
    """The SQL function `hold()`: a statement that calls it goes on until it is released."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.released = threading.Event()

    def __call__(self) -> str:
        self.entered.set()
        self.released.wait()
        return "held"


@pytest.fixture
def hold(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hold]:
    hold = Hold()
    connect = sqlite3.connect

    def connect_with_hold(*arguments: Any, **settings: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **settings)
        connection.create_function("hold", 0, hold)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect_with_hold)
    yield hold
    hold.released.set()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = notes_at(tmp_path / "chatkit.db")
    yield database
    asyncio.run(database.close())


def held_read(database: Database) -> Awaitable[Any]:
    return database.rows("SELECT hold()")


def held_write(database: Database) -> Awaitable[Any]:
    return database.write("INSERT INTO notes (text) SELECT hold()")


each_use = pytest.mark.parametrize("use", [held_read, held_write])


async def start(use: Callable[[Database], Awaitable[Any]], database: Database, hold: Hold) -> Any:
    """Return a task that is in the middle of its statement."""
    await database.write(ADD, ["a"])
    task = asyncio.ensure_future(use(database))
    await asyncio.to_thread(hold.entered.wait)
    return task


def test_a_database_outlives_event_loops(database: Database) -> None:
    for number in range(3):
        asyncio.run(database.write(ADD, [str(number)]))
    assert asyncio.run(notes(database)) == ["0", "1", "2"]


def test_a_database_in_memory_does_not() -> None:
    database = notes_at(":memory:")
    asyncio.run(database.write(ADD, ["a"]))
    assert asyncio.run(notes(database)) == []
    asyncio.run(database.close())


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@each_use
def test_a_loop_that_is_left_too_early_finishes_what_was_asked_for(
    database: Database, hold: Hold, use: Callable[[Database], Awaitable[Any]]
) -> None:
    async def leave() -> None:
        for task in (await start(use, database, hold), asyncio.create_task(add("left behind"))):
            await asyncio.sleep(0)
            task.cancel()
        threading.Timer(0.1, hold.released.set).start()

    async def add(text: str) -> None:
        await database.write(ADD, [text])

    asyncio.run(leave())  # cancels all tasks, and closes the loop when they are done
    asyncio.run(asyncio.wait_for(add("later"), HANG_SECONDS))
    kept = ["a", "held", "left behind", "later"]
    assert asyncio.run(notes(database)) == [
        text for text in kept if text != "held" or use is held_write
    ]


@each_use
@pytest.mark.parametrize("released", ["before", "during"])
def test_a_loop_that_is_closed_in_the_middle_of_a_statement_hangs_nobody(
    database: Database,
    hold: Hold,
    use: Callable[[Database], Awaitable[Any]],
    released: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # aiosqlite's thread dies when it finds no loop to answer to. Whoever hears of that may keep the
    # traceback, and with it the statement.
    deaths: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", deaths.append)

    async def go_on() -> list[str]:
        write = asyncio.create_task(database.write(ADD, ["b"]))
        await asyncio.sleep(0)
        hold.released.set()
        await asyncio.wait_for(write, HANG_SECONDS)
        return await asyncio.wait_for(notes(database), HANG_SECONDS)

    loop = asyncio.new_event_loop()
    unfinished = loop.run_until_complete(start(use, database, hold))
    loop.close()
    if released == "before":
        hold.released.set()
    assert asyncio.run(go_on()) == ["a", "b"]
    assert len(deaths) == 1
    deaths.clear()
    del unfinished
    gc.collect()  # asyncio complains of lost tasks: here, and not in the middle of another test
