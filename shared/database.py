"""One SQLite file, shared by everything in a process that stores something.

SQLite lets one connection write at a time, and what costs is the commit more than the write. So all
writes go to one thread. It takes *everything* that waits, runs it in one transaction and commits
once (group commit). With 100 users at the same time that is over a hundred times as fast as a
connection for each call, and inside one process "database is locked" cannot happen.

The thread is an executor's, not aiosqlite's (0.22). That one keeps a program that forgot `close()`
from ever ending; and when a loop is closed while a statement runs, it dies, and the next caller
waits for ever. Python itself ends an executor's thread at exit, and nothing here belongs to a loop.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

BUSY_SECONDS = 10.0  # how long to wait while another process writes

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


class DatabaseError(Exception):
    """The file cannot be used. The text says why, and what to do."""


class Database:
    """The SQLite file at `path`; also `":memory:"`, or a URI such as `"file:x?mode=memory"`.

    Opened at first use, in WAL mode, its folder made if need be. Usable from any event loop. A
    commit survives the death of the process (`kill -9`); a power cut may take the last ones along.

    Every method raises `DatabaseError` where the file cannot be used, and sqlite3's own errors
    where a statement is wrong (`sqlite3.IntegrityError`, `sqlite3.OperationalError`, …).
    """

    def __init__(self, path: str | Path) -> None:
        self.path = _absolute(str(path))
        self._schemas: list[str] = []
        self._lock = threading.Lock()
        self._waiting: list[_Write] = []
        self._writer = _Connection(self.path)
        # A second connection reads while the first one commits. A database in memory has only one.
        self._reader = self._writer if _in_memory(self.path) else _Connection(self.path)

    def add_schema(self, script: str) -> None:
        """Have `script` run before the next use. It must allow for having run before
        (`CREATE TABLE IF NOT EXISTS`)."""
        if script not in self._schemas:
            self._schemas.append(script)

    async def write(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Execute one statement and return how many rows it changed, once that is committed."""
        return await self.transaction(
            lambda connection: connection.execute(sql, parameters).rowcount
        )

    async def transaction(self, work: Work[T]) -> T:
        """Return `work(connection)`, once all that it wrote is committed: all of it, or nothing.

        `work` runs in the database's thread, perhaps twice, so it should do nothing but execute
        statements; if it raises, nothing of it is kept. Transactions happen in the order in which
        they were asked for, also when their callers are cancelled: a cancelled caller does not know
        whether it wrote, but it never tears a write.
        """
        write = _Write(work, asyncio.get_running_loop().create_future())
        with self._lock:
            self._waiting.append(write)
            first = len(self._waiting) == 1
        if first:  # the others find a flush on its way
            self._writer.submit(self._flush)
        result: T = await write.answer
        return result

    async def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Execute one query and return its rows; what was written before is in them."""
        if self._reader is not self._writer and self._writer.lacks(self._schemas):
            await self.transaction(lambda connection: None)  # makes the tables
        return await asyncio.wrap_future(self._reader.submit(self._query, sql, parameters))

    async def close(self) -> None:
        """Finish what waits, then close the file. The next use would open it again."""
        for connection in (self._writer, self._reader):
            await asyncio.wrap_future(connection.submit(connection.close))

    def _query(self, sql: str, parameters: Sequence[Any]) -> list[sqlite3.Row]:
        try:
            # The tables are the writer's to make, also where the reader is another connection.
            connection = self._reader.open(self._schemas if self._reader is self._writer else ())
            return connection.execute(sql, parameters).fetchall()
        except (sqlite3.Error, OSError) as error:
            raise _explained(error, self.path) from error

    def _flush(self) -> None:
        """Carry out every write that waits, and answer their callers. In the writer's thread."""
        with self._lock:
            writes, self._waiting = self._waiting, []
        try:
            outcomes = self._commit(self._writer.open(self._schemas), writes)
        except BaseException as error:  # a caller without an answer would wait for ever
            outcomes = [_Failure(error)] * len(writes)
        answers: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
        for write, outcome in zip(writes, outcomes, strict=True):
            answers.setdefault(write.answer.get_loop(), []).append((write.answer, outcome))
        for loop, group in answers.items():
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(self._answer, group)

    def _answer(self, group: list[tuple[asyncio.Future[Any], Any]]) -> None:
        for future, outcome in group:
            if future.done():  # cancelled
                continue
            if isinstance(outcome, _Failure):
                future.set_exception(_explained(outcome.error, self.path))
            else:
                future.set_result(outcome)

    def _commit(self, connection: sqlite3.Connection, writes: list[_Write]) -> list[Any]:
        """Return the result or the `_Failure` of each write, all in one transaction if possible."""
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:  # the fault of none of them: another process goes on writing
            return [_Failure(error)] * len(writes)
        try:
            results = [write.work(connection) for write in writes]
            connection.execute("COMMIT")
        except BaseException as error:
            if connection.in_transaction:  # some errors end it themselves, a full disk for one
                connection.execute("ROLLBACK")
            if len(writes) == 1:
                return [_Failure(error)]
            # One of them failed: only that one may hear of it.
            return [outcome for write in writes for outcome in self._commit(connection, [write])]
        return results


class _Write(NamedTuple):
    work: Work[Any]
    answer: asyncio.Future[Any]


class _Failure(NamedTuple):
    error: BaseException


class _Connection:
    """One sqlite3 connection and the one thread that uses it, both made when first needed."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        self._connection: sqlite3.Connection | None = None
        self._scripts_run = 0

    def submit(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """Have the thread call `function`, after all that was submitted before."""
        return self._thread.submit(function, *arguments)

    def lacks(self, scripts: Sequence[str]) -> bool:
        """Tell whether `open(scripts)` would have anything to do."""
        return self._connection is None or self._scripts_run < len(scripts)

    def open(self, scripts: Sequence[str]) -> sqlite3.Connection:
        """Return the connection, with all scripts run. To be called in its thread."""
        if self._connection is None:
            self._connection = _connect(self._path)
        for script in scripts[self._scripts_run :]:
            try:
                # In one transaction, so that a second process never sees half of the tables.
                self._connection.executescript(f"BEGIN IMMEDIATE; {script}; COMMIT")
            except sqlite3.Error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._scripts_run += 1
        return self._connection

    def close(self) -> None:
        """Close the connection; `open` may follow. To be called in its thread."""
        connection, self._connection, self._scripts_run = self._connection, None, 0
        if connection is not None:
            connection.close()


def _connect(path: str) -> sqlite3.Connection:
    is_uri = path.startswith("file:")
    if not is_uri and not _in_memory(path):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, uri=is_uri, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _in_memory(path: str) -> bool:
    return path in {"", ":memory:"} or (
        path.startswith("file:") and ("mode=memory" in path or ":memory:" in path)
    )


def _absolute(path: str) -> str:
    """The second connection must find the same file, even if the folder was changed meanwhile."""
    return path if path.startswith("file:") or _in_memory(path) else os.path.abspath(path)


_EXPLANATIONS = {
    sqlite3.SQLITE_CANTOPEN: "cannot be opened. Check that its folder may be written and that the "
    "file is no folder, or name another file with CHATKIT_DATABASE.",
    sqlite3.SQLITE_READONLY: "may only be read. Allow writing to the file and its folder, or name "
    "another file with CHATKIT_DATABASE.",
    sqlite3.SQLITE_NOTADB: "is not an SQLite database. Move that file away, or name another one "
    "with CHATKIT_DATABASE.",
    sqlite3.SQLITE_CORRUPT: "is damaged. Move the file away; the next start makes a new one.",
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full. This write was not kept; free some space "
    "and try again.",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk reports an error. Check the disk, "
    "or name a file elsewhere with CHATKIT_DATABASE.",
    sqlite3.SQLITE_BUSY: f"is locked: another process has been writing for {BUSY_SECONDS:.0f} "
    "seconds. Stop that process and try again.",
    sqlite3.SQLITE_LOCKED: "is locked by another connection of this process. Share one Database.",
}


def _explained(error: BaseException, path: str) -> BaseException:
    """Return a `DatabaseError` for trouble with the file, anything else as it is."""
    text = None
    if isinstance(error, OSError):
        text = f"needs a folder that cannot be made ({error.strerror}: {error.filename}). " + (
            "Make it, or name another file with CHATKIT_DATABASE."
        )
    elif isinstance(error, sqlite3.Error):
        # The low byte is the kind, the rest the detail. Errors of Python's own have neither.
        text = _EXPLANATIONS.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
    elif isinstance(error, StopIteration):  # a future would not take it
        return RuntimeError("The work of a transaction raised StopIteration.")
    if text is None:
        return error
    explained = DatabaseError(f"The database {path} {text}")
    explained.__cause__ = error
    return explained


__all__ = ["Database", "DatabaseError"]
