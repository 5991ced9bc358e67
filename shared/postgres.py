"""Postgres in the place of the SQLite file: the same methods, and policies besides.

Each transaction names the user whom it works for (`app.user_id`), and the policies go by that. The
setting ends with the transaction, so a connection of the pool takes nobody's name along to the next.

What waits for one user is one transaction (group commit), and users do not wait for each other's. In
the database too a user's writes come one after the other, for each takes that user's lock. So during
`transaction()` nobody writes for the same user, in several processes too. The maintenance has a lock
of its own: it does not wait for users.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from itertools import count, groupby
from typing import Any, TypeVar

import asyncpg

from shared.any_database import DatabaseError, Uncancellable, Work, Write
from shared.postgres_server import (
    MAINTENANCE,
    PASSING,
    Connection,
    ConnectionLost,
    Server,
    committed,
    explained,
    run_as_owner,
)
from shared.postgres_sql import begin

TRIES = 5  # of a transaction that failed for a reason that passes
PAUSE = 0.05  # seconds before the second try; before the third twice as long, and so on

T = TypeVar("T")


class PostgresDatabase:
    """The database at `url`; `owner_url` is the same one as the role that owns the tables.

    Without `owner_url` the tables have to be there already, and there is no maintenance.

    Opened at first use. It serves one event loop at a time, as `shared.database.Database` does, and
    a connection that died is replaced.

    Every method raises `DatabaseError` where the database cannot be used, `ForeignKeyError` where a
    row refers to one that is not there, and asyncpg's own errors where a statement is wrong. Unlike
    SQLite, Postgres keeps nothing of a transaction in which any statement failed.
    """

    def __init__(self, url: str, owner_url: str | None = None) -> None:
        owner = Server(owner_url, "DATABASE_OWNER_URL") if owner_url else None
        self._shared = _Shared(Server(url, "DATABASE_URL"), owner)
        self._user = ""
        self._maintenance = False

    def add_schema(self, script: str) -> None:
        """Have the owner run `script` before the next use. It must allow for having run before."""
        if script not in self._shared.schemas:
            self._shared.schemas.append(script)

    def add_policies(self, script: str) -> None:
        """Have the owner run `script` after the schemas. It must allow for having run before."""
        if script not in self._shared.policies:
            self._shared.policies.append(script)

    def for_user(self, user_id: str) -> PostgresDatabase:
        """Return the same database, which shows the policies this user. Raises ValueError for a
        name that Postgres cannot hold."""
        if not user_id or "\0" in user_id:
            raise ValueError(f"{user_id!r} cannot be a user's name in Postgres.")
        return self._as(user_id, maintenance=False)

    def for_maintenance(self) -> PostgresDatabase:
        """Return the same database without policies: the owner in the role of the maintenance.

        Its methods raise DatabaseError where there is no `owner_url`.
        """
        return self._as("", maintenance=True)

    def _as(self, user_id: str, *, maintenance: bool) -> PostgresDatabase:
        database = object.__new__(PostgresDatabase)
        database._shared = self._shared
        database._user = user_id
        database._maintenance = maintenance
        return database

    async def write(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Execute one statement that changes something, and return once that is committed."""
        await asyncio.shield(self._pool().submit(self._user, sql, parameters))

    async def transaction(self, work: Work[T]) -> T:
        """Return `await work(connection)`, once all that it wrote is committed: all of it, or
        nothing.

        No other transaction of this user runs meanwhile, in whatever process. `work` may run more
        than once, so it should do nothing but execute statements on that connection. Writes and
        transactions of one user happen in the order in which they were asked for, also when their
        callers are cancelled.
        """
        result: T = await asyncio.shield(self._pool().submit(self._user, work))
        return result

    async def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[asyncpg.Record]:
        """Execute one query and return its rows; what was written before is in them."""
        return await asyncio.shield(self._pool().query(self._user, sql, parameters))

    async def shrink(self) -> None:
        """Nothing: Postgres uses the space of deleted rows again."""

    async def close(self) -> None:
        """Finish what waits, then close the connections. The next use would open them again."""
        for pool in list(self._shared.pools.values()):
            await asyncio.shield(pool.close())

    def _pool(self) -> _Pool:
        pools, pool = self._shared.pools, self._shared.pools.get(self._maintenance)
        if pool is None or pool.closing or pool.loop is not asyncio.get_running_loop():
            pool = pools[self._maintenance] = _Pool(self._shared, self._maintenance, before=pool)
        return pool


class _Shared:
    """What the database has in common for everybody: its scripts, and the pools in use."""

    def __init__(self, server: Server, owner: Server | None) -> None:
        self.server = server
        self.owner = owner
        self.schemas: list[str] = []
        self.policies: list[str] = []
        self.pools: dict[bool, _Pool] = {}  # one for users, one for the maintenance
        self._scripts_run = 0

    @property
    def scripts(self) -> list[str]:
        """What the owner runs, in this order."""
        return [*self.schemas, *self.policies]

    @property
    def scripts_left(self) -> bool:
        """Whether some of them have not run yet."""
        return self._scripts_run < len(self.schemas) + len(self.policies)

    async def run_scripts(self) -> None:
        """Have the owner run all scripts, if there are new ones."""
        while self.scripts_left:
            scripts = self.scripts
            if self.owner is not None:
                with explained(self.owner):
                    await run_as_owner(self.owner, scripts, self.server)
            self._scripts_run = len(scripts)

    async def pool(self, maintenance: bool) -> asyncpg.Pool[Any]:
        """Return open connections for users, or for the maintenance."""
        if not maintenance:
            return await self.server.pool()
        if self.owner is None:
            raise DatabaseError(
                "This works on everybody's rows, which only the owner of the tables may. Set "
                "DATABASE_OWNER_URL to that role's URL."
            )
        return await self.owner.pool(role=MAINTENANCE)


class _Pool:
    """The database as one event loop uses it: its connections, and the writes that wait."""

    def __init__(self, shared: _Shared, maintenance: bool, before: _Pool | None) -> None:
        self.loop = asyncio.get_running_loop()
        self.closing = False
        self._shared = shared
        self._maintenance = maintenance
        self._before = before
        self._opening = asyncio.Lock()
        self._connections: asyncpg.Pool[Any] | None = None
        self._waiting: dict[str, list[Write]] = {}  # by user; a user who is here has a flush
        self._tasks: set[asyncio.Task[Any]] = set()

    def submit(
        self, user: str, statement: str | Work[Any], parameters: Sequence[Any] = ()
    ) -> asyncio.Future[Any]:
        """Put a write behind those of this user that wait. The future is done when it is
        committed."""
        if asyncio.current_task() in self._tasks:
            raise RuntimeError("In a transaction use its connection: the Database waits for it.")
        write = Write(statement, parameters, self.loop.create_future())
        if user in self._waiting:
            self._waiting[user].append(write)
        else:
            self._waiting[user] = [write]
            self._start(self._flush(user))
        return write.answer

    def query(
        self, user: str, sql: str, parameters: Sequence[Any]
    ) -> asyncio.Future[list[asyncpg.Record]]:
        """Read on a connection of its own; the future is done when the rows are there."""

        async def read() -> list[asyncpg.Record]:
            return await self._in_transaction(
                begin(user), lambda connection: connection.execute_fetchall(sql, parameters)
            )

        return self._start(read())

    def close(self) -> asyncio.Future[None]:
        """Finish what waits, unless that is another loop's, and close the connections."""
        self.closing = True
        return Uncancellable(self._close(), loop=asyncio.get_running_loop())

    def _start(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = Uncancellable(coroutine, loop=self.loop)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _close(self) -> None:
        if self.loop is asyncio.get_running_loop() and self._tasks:
            await asyncio.wait(self._tasks)
        connections, self._connections = self._connections, None
        if connections is not None:
            if self.loop is asyncio.get_running_loop():
                await connections.close()
            elif not self.loop.is_closed():
                connections.terminate()
        before, self._before = self._before, None
        if before is not None:
            await before.close()

    async def _flush(self, user: str) -> None:
        """Carry out what waits of this user until nothing does, and answer everybody."""
        while writes := self._waiting[user]:
            self._waiting[user] = []
            for write in await self._commit(user, writes):
                await self._commit(user, [write])
        del self._waiting[user]

    async def _commit(self, user: str, writes: list[Write]) -> list[Write]:
        """Carry out the writes in one transaction, and answer their callers.

        Where one of several fails, nothing is kept and all are returned, to be done one by one: so
        only the culprit hears of it.
        """
        try:
            results = await self._in_transaction(
                begin(user, lock=True), lambda connection: _execute(connection, writes)
            )
        except (Exception, asyncio.CancelledError) as error:
            if len(writes) > 1 and not isinstance(error, DatabaseError):
                return writes
            for write in writes:
                write.answer.set_exception(error)
        else:
            for write, result in zip(writes, results, strict=True):
                write.answer.set_result(result)
        return []

    async def _in_transaction(self, beginning: str, work: Work[T]) -> T:
        """Return `await work(connection)` of a transaction that is committed.

        Where it failed for a reason that passes, it is tried again: nothing of it was kept.
        """
        server = self._shared.owner if self._maintenance else self._shared.server
        with explained(server or self._shared.server):
            for tried in count(1):
                try:
                    pool = await self._open()
                    async with pool.acquire() as connection:
                        result: T = await committed(connection, beginning, work)
                        return result
                except PASSING as error:
                    if tried == TRIES:
                        raise
                    if isinstance(error, ConnectionLost) and self._connections is not None:
                        await self._connections.expire_connections()  # the others are dead too
                    await asyncio.sleep(tried * PAUSE)
            raise AssertionError

    async def _open(self) -> asyncpg.Pool[Any]:
        """Run the scripts that have not run, and return the open pool."""
        if self._connections is not None and not self._shared.scripts_left:
            return self._connections
        async with self._opening:
            if self._before is not None:
                await self._before.close()
                self._before = None
            await self._shared.run_scripts()
            if self._connections is None:
                self._connections = await self._shared.pool(self._maintenance)
            return self._connections


async def _execute(connection: Connection, writes: list[Write]) -> list[Any]:
    """Return the results. Equal statements in a row share one trip to the server."""
    results: list[Any] = []
    for statement, group in groupby(writes, key=lambda write: write.statement):
        if isinstance(statement, str):
            parameters = [write.parameters for write in group]
            if len(parameters) == 1:
                await connection.execute(statement, parameters[0])
            else:
                await connection.executemany(statement, parameters)
            results += [None] * len(parameters)
        else:
            results += [await statement(connection) for _ in group]
    return results


__all__ = ["PostgresDatabase"]
