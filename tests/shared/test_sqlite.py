"""The file: how it is opened, and what can be wrong with it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import aiosqlite
import pytest

import shared.sqlite
from shared.context import RequestContext
from shared.database import Database, DatabaseError
from shared.store import SQLiteStore
from tests.shared.examples import CONTEXT, thread
from tests.shared.notes import ADD, NOTES, notes, notes_at


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "chatkit.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    database = notes_at(path)
    yield database
    await database.close()


@pytest.mark.parametrize(
    ("setting", "value"),
    [("journal_mode", "wal"), ("foreign_keys", 1), ("synchronous", 1), ("busy_timeout", 10_000)],
)
async def test_settings(database: Database, setting: str, value: object) -> None:
    async def work(connection: aiosqlite.Connection) -> object:
        (row,) = await connection.execute_fetchall(f"PRAGMA {setting}")
        return row[0]

    assert await database.transaction(work) == value
    assert (await database.rows(f"PRAGMA {setting}"))[0][0] == value


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

    async def fill_the_disk(connection: aiosqlite.Connection) -> None:
        ((pages,),) = await connection.execute_fetchall("PRAGMA page_count")
        await connection.execute_fetchall(f"PRAGMA max_page_count = {pages}")

    await database.transaction(fill_the_disk)
    outcomes = await asyncio.gather(
        database.write(ADD, ["fits"]),
        database.write(ADD, ["x" * 100_000]),
        database.write(ADD, ["fits too"]),
        return_exceptions=True,
    )
    assert (outcomes[0], outcomes[2]) == (None, None)
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


@pytest.mark.parametrize("mode", ["wal", "delete"])
async def test_a_file_that_others_lock_for_a_while_is_waited_for(
    database: Database, path: Path, mode: str
) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        # A file that is no WAL file yet must become one, and SQLite itself does not wait for that.
        other.execute(f"PRAGMA journal_mode = {mode}")
        other.execute("BEGIN IMMEDIATE")
        write = asyncio.create_task(database.write(ADD, ["b"]))
        await asyncio.wait([write], timeout=0.2)
        assert not write.done()
        other.execute("ROLLBACK")
    await write
    assert (await database.rows("PRAGMA journal_mode"))[0][0] == "wal"
    assert await notes(database) == ["b"]


async def test_a_file_that_others_keep_locked_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.sqlite, "BUSY_SECONDS", 0)
    database = notes_at(path)
    await database.write(ADD, ["a"])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        outcomes = await asyncio.gather(
            *(database.write(ADD, ["b"]) for _ in range(3)), return_exceptions=True
        )
        assert ["another process" in str(outcome) for outcome in outcomes] == [True] * 3
        assert await notes(database) == ["a"]
        other.execute("ROLLBACK")
    await database.write(ADD, ["c"])
    assert await notes(database) == ["a", "c"]
    await database.close()


async def test_wrong_statements_keep_their_own_errors(database: Database) -> None:
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        await database.rows("SELECT * FROM nowhere")
    with pytest.raises(sqlite3.ProgrammingError):
        await database.write(ADD, ["too", "many"])


def size_of(path: Path) -> int:
    return path.stat().st_size


async def test_the_space_of_deleted_rows_is_given_back(database: Database, path: Path) -> None:
    for number in range(40):
        await database.write(ADD, [f"{number}" * 20_000])
    await database.shrink()
    full = size_of(path)
    await database.write("DELETE FROM notes")
    await database.shrink()
    assert size_of(path) < full / 10
    await database.write(ADD, ["still works"])
    assert await notes(database) == ["still works"]
