"""What SQLite and Postgres have in common: the shape of a database, its errors, writes that wait.

`shared.database` is what to use; it has all of these names too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

T = TypeVar("T")
Work = Callable[[Any], Awaitable[T]]


class DatabaseError(Exception):
    """The database cannot be used. The text says why, and what to do."""


class ForeignKeyError(Exception):
    """A row refers to one that is not there."""


class Connection(Protocol):
    """What the work of a transaction gets: as much of aiosqlite's connection as any database has."""

    async def execute(self, sql: str, parameters: Sequence[Any] = ...) -> Any:
        """Execute a statement. The result's `rowcount` says how many rows it changed."""

    async def execute_fetchall(self, sql: str, parameters: Sequence[Any] = ...) -> Any:
        """Execute a statement and return its rows, which know their columns by number and name."""


class AnyDatabase(Protocol):
    """A database, whichever it is: see `Database` for what each method does."""

    def add_schema(self, script: str) -> None: ...

    def add_policies(self, script: str) -> None: ...

    def for_user(self, user_id: str) -> AnyDatabase: ...

    def for_maintenance(self) -> AnyDatabase: ...

    async def write(self, sql: str, parameters: Sequence[Any] = ()) -> None: ...

    async def transaction(self, work: Work[T]) -> T: ...

    async def rows(self, sql: str, parameters: Sequence[Any] = ()) -> Sequence[Any]: ...

    async def shrink(self) -> None: ...

    async def close(self) -> None: ...


class Write(NamedTuple):
    """A statement or a transaction's work that waits, and the future that is its caller's."""

    statement: str | Work[Any]
    parameters: Sequence[Any]
    answer: asyncio.Future[Any]


class Uncancellable(asyncio.Task[T]):
    """A task that runs to its end.

    `asyncio.run()` cancels every task and waits for it before it closes the loop. This one goes on
    meanwhile: no transaction ends halfway, and a driver finds a loop to answer to.
    """

    def cancel(self, msg: Any = None) -> bool:
        return False


__all__ = [
    "AnyDatabase",
    "Connection",
    "DatabaseError",
    "ForeignKeyError",
    "Uncancellable",
    "Work",
    "Write",
]
