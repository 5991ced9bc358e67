"""One SQLite file, shared by everything in a process that stores something.

SQLite lets one connection write at a time, and what costs is the commit more than the write. So all
writes go to one aiosqlite connection, and *everything* that waits shares one transaction (group
commit). With 100 users at the same time that is over a hundred times as fast as a connection for
each call, and inside one process "database is locked" cannot happen. A second connection reads
meanwhile.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

from shared.any_database import (
    AnyDatabase,
    Connection,
    DatabaseError,
    ForeignKeyError,
    Uncancellable,
    Work,
    Write,
)
from shared.settings import get_settings
from shared.sqlite import Connection as SQLiteConnection
from shared.sqlite import absolute, connect, explained, in_memory, move_aside_if_older

PAGES = 64  # that `shrink` frees in one transaction, 4 KiB each
WITH_OWNERS = 6  # the `user_version` of a file in which every row has an owner: since lesson 6

T = TypeVar("T")


def open_database() -> AnyDatabase:
    """Return the database that the settings name: Postgres at `DATABASE_URL`, or the SQLite file.

    In it every row has an owner. An SQLite file from before lesson 6 is moved aside, for its rows
    have none.
    """
    settings = get_settings()
    if settings.database_url:
        from shared.postgres import PostgresDatabase  # asyncpg is only loaded where it is used

        return PostgresDatabase(settings.database_url, settings.database_owner_url)
    move_aside_if_older(Path(absolute(str(settings.database))), WITH_OWNERS)
    return Database(settings.database, version=WITH_OWNERS)


class Database:
    """The SQLite file at `path`; also `":memory:"`, or a URI such as `"file:x?mode=memory"`.

    Opened at first use, in WAL mode, its folder made if need be. A commit survives the death of the
    process (`kill -9`); a power cut may take the last ones along.

    It serves one event loop at a time. Used in another one it is closed and opened anew: what the
    first loop left unfinished may fail, and a database in memory is empty again.

    Every method raises `DatabaseError` where the file cannot be used, and sqlite3's own errors
    where a statement is wrong (`sqlite3.IntegrityError`, `sqlite3.OperationalError`, …).
    """

    def __init__(self, path: str | Path, version: int | None = None) -> None:
        """`version` is noted in a new file (`PRAGMA user_version`)."""
        self.path = absolute(str(path))
        self._schemas = [f"PRAGMA user_version = {version}"] if version else []
        self._opened: _Opened | None = None

    def add_schema(self, script: str) -> None:
        """Have `script` run before the next use. It must allow for having run before
        (`CREATE TABLE IF NOT EXISTS`)."""
        if script not in self._schemas:
            self._schemas.append(script)

    def add_policies(self, script: str) -> None:
        """Nothing: SQLite has no row-level security."""

    def for_user(self, user_id: str) -> Database:
        """Return the database itself: SQLite asks nobody who they are."""
        return self

    def for_maintenance(self) -> Database:
        """Return the database itself."""
        return self

    async def write(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Execute one statement that changes something, and return once that is committed."""
        with explained(self.path):
            await asyncio.shield(self._here().submit(sql, parameters))

    async def transaction(self, work: Work[T]) -> T:
        """Return `await work(connection)`, once all that it wrote is committed: all of it, or
        nothing.

        Nobody else writes meanwhile. `work` may run twice, so it should do nothing but execute
        statements on that connection; if it raises, nothing of it is kept. Writes and transactions
        happen in the order in which they were asked for, also when their callers are cancelled: a
        cancelled caller does not know whether it wrote, but it never tears a write.
        """
        with explained(self.path):
            result: T = await asyncio.shield(self._here().submit(work))
            return result

    async def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Execute one query and return its rows; what was written before is in them."""
        with explained(self.path):
            return list(await asyncio.shield(self._here().query(sql, parameters)))

    async def shrink(self) -> None:
        """Give the space of deleted rows back to the file system, a few pages at a time, so that
        nobody's write waits for long."""

        async def free_some(connection: aiosqlite.Connection) -> int:
            await connection.execute_fetchall(f"PRAGMA incremental_vacuum({PAGES})")
            [row] = await connection.execute_fetchall("PRAGMA freelist_count")
            return int(row[0])

        left, before = await self.transaction(free_some), -1
        while left and left != before:
            left, before = await self.transaction(free_some), left
        # The file itself gets shorter when what stands in the write-ahead log is carried over.
        await self.rows("PRAGMA wal_checkpoint(PASSIVE)")

    async def close(self) -> None:
        """Finish what waits, then close the file. The next use would open it again."""
        if self._opened is not None:
            await asyncio.shield(self._opened.close())

    def _here(self) -> _Opened:
        opened = self._opened
        if opened is None or opened.closing or opened.loop is not asyncio.get_running_loop():
            opened = self._opened = _Opened(self.path, self._schemas, before=opened)
        return opened


class _Opened:
    """The file as one event loop uses it: its connections, and the writes that wait."""

    def __init__(self, path: str, schemas: Sequence[str], before: _Opened | None) -> None:
        self.loop = asyncio.get_running_loop()
        self.closing = False
        self._path = path
        self._schemas = schemas
        self._scripts_run = 0
        self._before = before
        self._waiting: list[Write] = []
        self._flushing: asyncio.Task[None] | None = None
        self._writer: SQLiteConnection | None = None
        self._reader: SQLiteConnection | None = None  # stays None in memory

    def submit(
        self, statement: str | Work[Any], parameters: Sequence[Any] = ()
    ) -> asyncio.Future[Any]:
        """Put a write behind those that wait. The future is done when it is committed."""
        if self._flushing is asyncio.current_task():
            raise RuntimeError("In a transaction use its connection: the Database waits for it.")
        write = Write(statement, parameters, self.loop.create_future())
        self._waiting.append(write)
        if self._flushing is None or self._flushing.done():
            self._flushing = Uncancellable(self._flush(), loop=self.loop)
        return write.answer

    def query(self, sql: str, parameters: Sequence[Any]) -> asyncio.Future[Any]:
        """Read on the second connection. In memory there is none, and at first there are no tables:
        then the query goes the way of the writes."""
        if self._reader is None or self._scripts_run < len(self._schemas):
            return self.submit(lambda writer: writer.execute_fetchall(sql, parameters))
        return Uncancellable(self._reader.aio.execute_fetchall(sql, parameters), loop=self.loop)

    def close(self) -> asyncio.Future[None]:
        """Finish what waits, unless that is another loop's, and close the connections."""
        self.closing = True
        return Uncancellable(self._close(), loop=asyncio.get_running_loop())

    async def _close(self) -> None:
        if self._flushing is not None and self.loop is asyncio.get_running_loop():
            await asyncio.wait([self._flushing])
        if self._before is not None:
            await self._before.close()
        for connection in (self._writer, self._reader):
            if connection is not None:
                await connection.close()

    async def _flush(self) -> None:
        """Carry out what waits until nothing does, and answer everybody."""
        while self._waiting:
            writes, self._waiting = self._waiting, []
            try:
                writer = await self._open()
                for write in await _commit(writer, writes):
                    await _commit(writer, [write])
            except (Exception, asyncio.CancelledError) as error:
                for write in writes:
                    if not write.answer.done():
                        write.answer.set_exception(error)

    async def _open(self) -> aiosqlite.Connection:
        """Open what is not open, run the scripts that have not run, and return the writer."""
        if self._before is not None:
            await self._before.close()
            self._before = None
        if self._writer is None:
            self._writer = await connect(self._path)
        writer = self._writer.aio
        for script in self._schemas[self._scripts_run :]:
            try:
                # In one transaction, so that a second process never sees half of the tables.
                await writer.executescript(f"BEGIN IMMEDIATE; {script}; COMMIT")
            except sqlite3.Error:
                await writer.rollback()
                raise
            self._scripts_run += 1
        if self._reader is None and not in_memory(self._path):
            self._reader = await connect(self._path)
        return writer


async def _commit(connection: aiosqlite.Connection, writes: list[Write]) -> list[Write]:
    """Carry out the writes in one transaction, and answer their callers.

    Where one of several fails, nothing is kept and all are returned, to be done one by one: so only
    the culprit hears of it. Raises what is the fault of none of them.
    """
    await connection.execute("BEGIN IMMEDIATE")
    try:
        results = await _execute(connection, writes)
        await connection.commit()
    except (Exception, asyncio.CancelledError) as error:
        await connection.rollback()
        if len(writes) > 1:
            return writes
        writes[0].answer.set_exception(error)
    else:
        for write, result in zip(writes, results, strict=True):
            write.answer.set_result(result)
    return []


async def _execute(connection: aiosqlite.Connection, writes: list[Write]) -> list[Any]:
    """Return the results. Equal statements in a row share one trip to the connection's thread."""
    results: list[Any] = []
    for statement, group in groupby(writes, key=lambda write: write.statement):
        if isinstance(statement, str):
            parameters = [write.parameters for write in group]
            await connection.executemany(statement, parameters)
            results += [None] * len(parameters)
        else:
            results += [await statement(connection) for _ in group]
    return results


__all__ = [
    "AnyDatabase",
    "Connection",
    "Database",
    "DatabaseError",
    "ForeignKeyError",
    "open_database",
]
