"""A connection to an SQLite file through aiosqlite, and sentences for what is wrong with the file.

`shared.database` is what to use; this is the part of it that knows aiosqlite and SQLite's errors.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple

import aiosqlite

from shared.any_database import DatabaseError, ForeignKeyError

BUSY_SECONDS = 10.0  # how long to wait while another process writes

logger = logging.getLogger(__name__)


class Connection(NamedTuple):
    """An open connection. `aio` belongs to the event loop that opened it."""

    aio: aiosqlite.Connection
    raw: sqlite3.Connection

    async def close(self) -> None:
        """Finish what its thread was given and close it, from any loop. May be called again."""
        await _end(self.aio)
        with suppress(sqlite3.ProgrammingError):  # it is closed, as it should be
            self.raw.rollback()  # its thread died, perhaps with the file locked
            self.raw.close()


async def connect(path: str) -> Connection:
    """Open the file; it and its folder are made if need be."""
    is_uri = path.startswith("file:")
    if not is_uri and not in_memory(path):
        try:
            await asyncio.to_thread(os.makedirs, os.path.dirname(path), exist_ok=True)
        except OSError as error:
            raise DatabaseError(
                f"The database {path} needs a folder that cannot be made ({error.strerror}: "
                f"{error.filename}). Make it, or name another file with CHATKIT_DATABASE."
            ) from error
    aio = aiosqlite.connect(
        path, uri=is_uri, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    # Python waits at its end for threads that are no daemons, and a program that forgot to close
    # would never end. aiosqlite has no setting for it.
    aio._thread.daemon = True
    try:
        await aio
        aio.row_factory = sqlite3.Row
        await _prepare(aio)
        await _turn_to_wal(aio)
        cursor = await aio.executescript("PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON")
    except (Exception, asyncio.CancelledError):
        await _end(aio)
        raise
    return Connection(aio, cursor.connection)


async def _prepare(aio: aiosqlite.Connection) -> None:
    """Have a file that is still empty give freed pages back, bit by bit. Later it is too late."""
    [(pages,)] = await aio.execute_fetchall("PRAGMA page_count")
    if not pages:
        await aio.execute_fetchall("PRAGMA auto_vacuum = INCREMENTAL")


async def _turn_to_wal(aio: aiosqlite.Connection) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + BUSY_SECONDS
    while True:
        try:
            await aio.execute_fetchall("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            # While another connection writes, SQLite refuses this one at once instead of waiting.
            if _kind(error) != sqlite3.SQLITE_BUSY or loop.time() >= deadline:
                raise
        await asyncio.sleep(0.01)


async def _end(aio: aiosqlite.Connection) -> None:
    """Close the connection and wait until its thread has ended. Where a loop was closed in the
    middle of a statement the thread died of it, and aiosqlite's `close()` would wait for ever."""
    aio.stop()
    await asyncio.to_thread(aio._thread.join)


def in_memory(path: str) -> bool:
    return path in {"", ":memory:"} or (
        path.startswith("file:") and ("mode=memory" in path or ":memory:" in path)
    )


def absolute(path: str) -> str:
    """Every connection must find the same file, even if the folder was changed meanwhile."""
    return path if path.startswith("file:") or in_memory(path) else os.path.abspath(path)


def move_aside_if_older(file: Path, version: int) -> None:
    """Rename a file that has tables and whose `user_version` is lower, with its log.

    `x.db` becomes `x.before-6.db`, or `x.before-6-2.db` where that is taken.
    """
    if not file.is_file() or not file.stat().st_size:
        return
    try:
        with closing(sqlite3.connect(file)) as connection:
            [found] = connection.execute("PRAGMA user_version").fetchone()
            [tables] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        return  # whoever uses it is told what is wrong with it
    if not tables or found >= version:
        return
    names = (
        f"{file.stem}.before-{version}{end}" for end in chain([""], (f"-{n}" for n in count(2)))
    )
    aside = next(name for name in names if not file.with_name(name + file.suffix).exists())
    for log in ("", "-wal", "-shm"):
        part = file.with_name(file.name + log)
        if part.exists():
            part.rename(file.with_name(aside + file.suffix + log))
    logger.warning(
        "The rows of %s have no owners yet. The file is kept as %s, and a new one begins.",
        file.name,
        file.with_name(aside + file.suffix),
    )


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


@contextmanager
def explained(path: str) -> Iterator[None]:
    """Turn trouble with the file into a `DatabaseError`, and a missing row into its own error."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
            raise ForeignKeyError(str(error)) from error
        if _kind(error) not in _EXPLANATIONS:
            raise
        raise DatabaseError(f"The database {path} {_EXPLANATIONS[_kind(error)]}") from error


def _kind(error: sqlite3.Error) -> int:
    """The low byte of SQLite's code; the rest is detail. Errors of Python's own have no code."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


__all__ = [
    "BUSY_SECONDS",
    "Connection",
    "absolute",
    "connect",
    "explained",
    "in_memory",
    "move_aside_if_older",
]
