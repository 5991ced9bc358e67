"""A Postgres server through asyncpg: its connections, its SQL, and sentences for what is wrong.

`shared.postgres` is what to use; this is the part of it that knows asyncpg and Postgres's errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import asyncpg

from shared.any_database import DatabaseError, ForeignKeyError
from shared.postgres_sql import translated, translated_schema

MAINTENANCE = "chatkit_maintenance"  # the role that policies do not hold; the owner may take it on
CONNECTIONS = 10  # of one process
CONNECT_SECONDS = 10.0
LOCKED_SECONDS = 10  # how long to wait for a lock
STATEMENT_SECONDS = 60


class ConnectionLost(Exception):
    """The connection died before the transaction was committed: nothing of it was kept."""


# What may go well if it is tried again.
PASSING = (
    ConnectionLost,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InvalidCachedStatementError,  # the owner has changed a table since
    asyncpg.CannotConnectNowError,  # it is starting
)
_LOST = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
)


class Server:
    """Where a database is, and as whom. Raises DatabaseError for what is no URL of one."""

    def __init__(self, url: str, variable: str) -> None:
        """`variable`: what the URL was in, for the sentences. They never repeat a password."""
        self.url = url
        self.variable = variable
        try:
            parts = urlsplit(url)
            known = parts.scheme in {"postgresql", "postgres"} and parts.username
            self.place = f"{parts.hostname}:{parts.port or 5432}"
        except ValueError:
            known = None
        if not known:
            raise DatabaseError(
                f"{variable} is not the URL of a Postgres database. It looks like "
                "postgresql://user:password@host:5432/name."
            )
        self.user = unquote(parts.username or "")
        self.name = unquote(parts.path.lstrip("/")) or self.user

    async def connect(self) -> asyncpg.Connection[Any]:
        """Return a connection of its own."""
        return await asyncpg.connect(self.url, timeout=CONNECT_SECONDS)

    async def pool(self, role: str | None = None) -> asyncpg.Pool[Any]:
        """Return open connections, which take on `role` if one is named."""

        async def take_on(connection: Any) -> None:
            if role is not None:
                try:
                    await connection.execute(f"SET ROLE {role}")
                except (asyncpg.InvalidParameterValueError, asyncpg.InsufficientPrivilegeError):
                    raise DatabaseError(
                        f"{self.user} may not act as {role}. As an administrator of Postgres: "
                        f"CREATE ROLE {role} NOLOGIN BYPASSRLS; GRANT {role} TO {self.user};"
                    ) from None

        async def nothing_to_reset(connection: Any) -> None:
            """No transaction leaves a setting behind, and a round trip for it costs a third."""

        return await asyncpg.create_pool(
            self.url,
            min_size=1,
            max_size=CONNECTIONS,
            timeout=CONNECT_SECONDS,
            server_settings={
                "application_name": "chatkit",
                "lock_timeout": f"{LOCKED_SECONDS}s",
                "statement_timeout": f"{STATEMENT_SECONDS}s",
            },
            init=take_on,
            reset=nothing_to_reset,
        )


class Changed(NamedTuple):
    """What a statement did."""

    rowcount: int


class Connection:
    """A connection in the middle of a transaction, in the shape of aiosqlite's."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Changed:
        """Execute a statement; how many rows it changed."""
        status = await self._raw.execute(translated(sql), *map(_storable, parameters))
        number = status.rpartition(" ")[2]
        return Changed(int(number) if number.isdecimal() else -1)

    async def executemany(self, sql: str, parameters: Sequence[Sequence[Any]]) -> None:
        """Execute a statement once for each of the parameters, on one trip to the server."""
        await self._raw.executemany(
            translated(sql), [tuple(map(_storable, row)) for row in parameters]
        )

    async def execute_fetchall(
        self, sql: str, parameters: Sequence[Any] = ()
    ) -> list[asyncpg.Record]:
        """Execute a statement and return its rows."""
        rows: list[asyncpg.Record] = await self._raw.fetch(
            translated(sql), *map(_storable, parameters)
        )
        return rows


def _storable(value: Any) -> Any:
    """No text in Postgres holds the character NUL. In JSON it is written in another way."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value


async def run_as_owner(owner: Server, scripts: Sequence[str], app: Server) -> None:
    """Run the scripts in one transaction, one process at a time, and let the app use the tables."""
    connection = await owner.connect()
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(hashtext('chatkit schemas'))")
            for script in scripts:
                # asyncpg fails on a script that holds nothing but comments.
                await connection.execute(f"SELECT 1;\n{translated_schema(script)}")
            for role in (app.user, MAINTENANCE):
                if await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
                    await connection.execute(_GRANTS.format(role=_quoted(role)))
    finally:
        await connection.close()


_GRANTS = """
GRANT USAGE ON SCHEMA public TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role};
"""


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


async def committed(raw: Any, beginning: str, work: Any) -> Any:
    """Return `await work(connection)` of a transaction of its own, once that is committed.

    Raises ConnectionLost where it is known that nothing was kept.
    """
    try:
        await raw.execute(beginning)
        result = await work(Connection(raw))
    except BaseException as error:
        try:
            await raw.execute("ROLLBACK")
        except (*_LOST, asyncpg.PostgresError):
            raise ConnectionLost from error
        raise
    try:
        status = await raw.execute("COMMIT")
    except _LOST as error:
        raise DatabaseError(
            "The connection to Postgres was lost at the end of a transaction. Whether it was kept "
            "is not known: look before you do it again."
        ) from error
    if status != "COMMIT":
        raise RuntimeError("A statement of this transaction failed, so nothing of it was kept.")
    return result


@contextmanager
def explained(server: Server) -> Iterator[None]:
    """Turn trouble with the server into a `DatabaseError`, and a missing row into its own error."""
    try:
        yield
    except asyncpg.ForeignKeyViolationError as error:
        raise ForeignKeyError(str(error)) from error
    except (asyncpg.PostgresError, ConnectionLost, OSError) as error:
        for kinds, sentence in _EXPLANATIONS:
            if isinstance(error, kinds):
                words = sentence.format(
                    variable=server.variable, place=server.place, user=server.user, name=server.name
                )
                raise DatabaseError(words) from error
        raise


_EXPLANATIONS: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    (
        (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError),
        "Postgres at {place} does not let {user} in: the password or the name is wrong. Correct "
        "{variable}.",
    ),
    (
        (asyncpg.InvalidCatalogNameError,),
        "Postgres at {place} has no database {name}. Make it, or correct {variable}.",
    ),
    (
        (asyncpg.TooManyConnectionsError,),
        "Postgres at {place} has no connection left. Stop a server that uses it, or raise its "
        "max_connections.",
    ),
    (
        (asyncpg.LockNotAvailableError,),
        f"Another process has locked these rows of {{name}} for {LOCKED_SECONDS} seconds. Nothing "
        "was written; try again.",
    ),
    (
        (asyncpg.QueryCanceledError,),
        f"A statement took longer than {STATEMENT_SECONDS} seconds, and nothing of it was kept.",
    ),
    (
        (asyncpg.DiskFullError,),
        "Postgres at {place} cannot write: its disk is full. Nothing was kept; free some space and "
        "try again.",
    ),
    (
        (asyncpg.ReadOnlySQLTransactionError,),
        "The database {name} at {place} may only be read. Name its primary server in {variable}.",
    ),
    (
        (ConnectionLost, *_LOST),
        "Postgres at {place} does not answer. Start it (make postgres), or correct {variable}; "
        "without DATABASE_URL an SQLite file is used.",
    ),
)

__all__ = [
    "MAINTENANCE",
    "PASSING",
    "Connection",
    "ConnectionLost",
    "Server",
    "committed",
    "explained",
    "run_as_owner",
]
