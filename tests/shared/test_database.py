"""The SQLite database: the contract, and what only a file has to promise."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import aiosqlite
import pytest

from shared import database as database_module
from shared.database import AnyDatabase, Database, open_database
from shared.settings import Settings
from tests.shared.database_contract import NUMBERS, DatabaseContract, Gate, write_all
from tests.shared.notes import ADD, notes, notes_at


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chatkit.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    database = notes_at(path)
    yield database
    await database.close()


class TestFile(DatabaseContract):
    REFUSED = sqlite3.IntegrityError

    @pytest.fixture
    async def database(self, path: Path) -> AsyncIterator[AnyDatabase]:
        database = notes_at(path)
        yield database
        await database.close()


class TestMemory(TestFile):
    @pytest.fixture
    async def database(self) -> AsyncIterator[AnyDatabase]:
        database = notes_at(":memory:")
        yield database
        await database.close()

    # Its one connection does everything, and what is in memory goes when it is closed.
    test_readers_do_not_wait_for_writers = None  # type: ignore[assignment]
    test_closing_twice_is_fine_and_a_later_use_opens_again = None  # type: ignore[assignment]
    test_what_is_asked_for_while_it_closes_is_done = None  # type: ignore[assignment]


# Group commit


async def test_what_waits_is_committed_at_once_and_in_order(database: Database) -> None:
    statements: list[str] = []
    gate = Gate()

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


# Opening and closing


async def test_making_a_database_does_not_touch_the_disk(tmp_path: Path) -> None:
    database = notes_at(tmp_path / "folder" / "chatkit.db")
    await database.close()
    assert os.listdir(tmp_path) == []


async def test_what_is_asked_for_while_it_closes_is_done_in_order(database: Database) -> None:
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
        assert ("half",) not in tables.fetchall()


# Files from before rows had owners


def opened(path: Path, monkeypatch: pytest.MonkeyPatch) -> AnyDatabase:
    monkeypatch.setattr(database_module, "get_settings", lambda: Settings(database=path))
    return open_database()


async def test_a_file_without_owners_is_moved_aside(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for kept in ("chatkit.before-6.db", "chatkit.before-6-2.db"):
        old = notes_at(path)
        await old.write(ADD, [kept])
        await old.close()
        with caplog.at_level(logging.WARNING):
            new = opened(path, monkeypatch)
        assert kept in caplog.text
        assert path.name not in os.listdir(path.parent)
        assert await notes(notes_at(path.with_name(kept))) == [kept]
        new.add_schema("CREATE TABLE IF NOT EXISTS mine (x)")
        assert await new.rows("SELECT x FROM mine") == []
        await new.close()
        os.remove(path)


async def test_what_was_not_written_into_the_file_yet_goes_along(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = notes_at(path)
    await old.write(ADD, ["in the log"])
    copy = path.with_name("copy.db")
    for end in ("", "-wal", "-shm"):  # as if the process had been killed
        copy.with_name(copy.name + end).write_bytes(path.with_name(path.name + end).read_bytes())
    opened(copy, monkeypatch)
    assert await notes(notes_at(copy.with_name("copy.before-6.db"))) == ["in the log"]
    await old.close()


async def test_a_file_with_owners_stays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        database = opened(path, monkeypatch)
        database.add_schema("CREATE TABLE IF NOT EXISTS mine (x)")
        await database.write("INSERT INTO mine VALUES (1)")
        await database.close()
    assert len(await database.rows("SELECT x FROM mine")) == 2
    await database.close()
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("content", ["", "Dear diary, " * 100])
def test_a_file_without_tables_is_left_to_whoever_uses_it(
    path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    path.write_text(content)
    opened(path, monkeypatch)
    assert path.read_text() == content
    assert os.listdir(path.parent) == [path.name]
