"""A student's tables in Postgres: what is in them, and what the app's role can see and do of it.

What is there is asked as the administrator, whom no policy holds. What can be reached is tried as the
app's role, signed in as the server is. Nothing is known of the tables but what the catalogue says.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import asyncpg

from checkpoints.cluster import Cluster, Urls

Row = dict[str, Any]
Rows = dict[str, dict[str, Row]]
"""Table → place in it → the row."""

_CATALOGUE = """
SELECT coalesce(json_agg(json_build_object(
    'name', c.oid::regclass::text,
    'view', c.relkind IN ('v', 'm'),
    'enabled', c.relrowsecurity,
    'forced', c.relforcerowsecurity,
    'owned', pg_has_role('{app}', c.relowner, 'MEMBER'),
    'reachable', has_any_column_privilege('{app}', c.oid, 'SELECT, INSERT, UPDATE')
        OR has_table_privilege('{app}', c.oid, 'DELETE, TRUNCATE'),
    'columns', (
        SELECT json_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
            AND a.attidentity <> 'a'
    ),
    'references', (
        SELECT coalesce(json_agg(json_build_object(
            'table', f.confrelid::regclass::text,
            'columns', (
                SELECT json_object_agg(here.attname, there.attname)
                FROM unnest(f.conkey, f.confkey) AS pair (here, there)
                JOIN pg_attribute here ON here.attrelid = f.conrelid AND here.attnum = pair.here
                JOIN pg_attribute there ON there.attrelid = f.confrelid AND there.attnum = pair.there
            )
        )), '[]') FROM pg_constraint f WHERE f.conrelid = c.oid AND f.contype = 'f'
    )
) ORDER BY c.relname), '[]')
FROM pg_class c
WHERE c.relkind IN ('r', 'p', 'v', 'm') AND c.relnamespace NOT IN (
    SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_' OR nspname = 'information_schema'
)
"""


class Reference(NamedTuple):
    """A foreign key: the table that it leads to, and its columns here → there."""

    table: str
    columns: dict[str, str]


@dataclass(frozen=True)
class Table:
    """A table or a view, as the catalogue has it."""

    name: str  # as SQL writes it
    view: bool
    enabled: bool  # its row security
    forced: bool
    owned: bool  # by the app's role, or by one that it may act as
    reachable: bool  # for the app's role, at least in part
    columns: tuple[str, ...]  # that can be written
    references: tuple[Reference, ...]


class Look:
    """The administrator's look at one database."""

    def __init__(self, cluster: Cluster, urls: Urls) -> None:
        self._cluster = cluster
        self._name = urls.name
        self._app = urlsplit(urls.app).username

    def tables(self) -> list[Table]:
        """All tables and views that are not Postgres's own."""
        found = json.loads(self._execute(_CATALOGUE.format(app=self._app)))
        return [
            Table(
                **{
                    **one,
                    "columns": tuple(one["columns"] or ()),
                    "references": tuple(Reference(**key) for key in one["references"]),
                }
            )
            for one in found
        ]

    def rows(self) -> Rows:
        """Every row of every table."""
        each = ", ".join(
            f"$${name}$$, (SELECT coalesce(json_object_agg({_PLACE}, to_jsonb(t)), '{{}}')"
            f" FROM {name} t)"
            for name in self._names()
        )
        rows: Rows = json.loads(self._execute(f"SELECT json_build_object({each})"))
        return rows

    @contextmanager
    def all_hidden(self) -> Iterator[None]:
        """Meanwhile no policy shows any row to anybody."""
        names = self._names()
        policy = f"hidden_{secrets.token_hex(4)}"
        self._execute(
            *(f"CREATE POLICY {policy} ON {name} AS RESTRICTIVE USING (false)" for name in names)
        )
        try:
            yield
        finally:
            self._execute(*(f"DROP POLICY {policy} ON {name}" for name in names))

    def _names(self) -> list[str]:
        return [table.name for table in self.tables() if not table.view]

    def _execute(self, *statements: str) -> str:
        script = "; ".join(["SET statement_timeout = '10s'", *statements])
        return self._cluster.execute(script, self._name)


_PLACE = "t.tableoid || t.ctid::text"

REFUSED = (asyncpg.InsufficientPrivilegeError, asyncpg.RaiseError)


class Outcome(NamedTuple):
    """What became of a statement: how many rows it touched, or why it failed."""

    touched: int
    error: asyncpg.PostgresError | None

    @property
    def refused(self) -> bool:
        """Whether a policy, or a missing right, stood in its way.

        Postgres asks the policies first, and keys and constraints only for a row that they let by.
        """
        return isinstance(self.error, REFUSED)


class App:
    """The app's role, signed in. Whatever it tries is taken back."""

    def __init__(self, connection: asyncpg.Connection[Any]) -> None:
        self._connection = connection

    @asynccontextmanager
    async def _as(self, user: str | None) -> AsyncIterator[None]:
        """A transaction with that user set, or with nothing set at all."""
        transaction = self._connection.transaction()
        await transaction.start()
        try:
            if user is not None:
                await self._connection.execute("SELECT set_config('app.user_id', $1, true)", user)
            yield
        finally:
            await transaction.rollback()

    async def seen(self, table: Table, user: str | None) -> set[str]:
        """The places of the rows that a query without any condition gives.

        None of a table that gives an error. The rows of a view have no place, but a number.
        """
        place = "row_number() OVER () || ''" if table.view else _PLACE
        async with self._as(user):
            try:
                found = await self._connection.fetch(f"SELECT {place} FROM {table.name} t")
            except asyncpg.PostgresError:
                return set()
        return {row[0] for row in found}

    async def delete_all(self, table: Table, user: str) -> Outcome:
        return await self._try(user, f"DELETE FROM {table.name}")

    async def empty(self, table: Table, user: str) -> Outcome:
        """No policy holds TRUNCATE."""
        return await self._try(user, f"TRUNCATE {table.name} CASCADE")

    async def insert(self, table: Table, user: str, row: Row) -> Outcome:
        """Write the row as it is."""
        columns = ", ".join(map(_quoted, table.columns))
        return await self._try(
            user,
            f"INSERT INTO {table.name} ({columns})"
            f" SELECT {columns} FROM jsonb_populate_record(NULL::{table.name}, $1::jsonb)",
            json.dumps(row),
        )

    async def overwrite(
        self, table: Table, user: str, row: Row, place: str | None = None
    ) -> Outcome:
        """Write the row's values over those of the row at that place, or of all that there are.

        It reads none of the table's columns, so a policy for reading does not come into it.
        """
        given = ", ".join(f"{column} = new.{column}" for column in map(_quoted, row))
        where = f" WHERE {_PLACE} = '{place}'" if place else ""
        return await self._try(
            user,
            f"UPDATE {table.name} t SET {given}"
            f" FROM jsonb_populate_record(NULL::{table.name}, $1::jsonb) new{where}",
            json.dumps(row),
        )

    async def _try(self, user: str, sql: str, *parameters: str) -> Outcome:
        async with self._as(user):
            try:
                status = await self._connection.execute(sql, *parameters)
                # Some of what a key forbids comes out only now.
                await self._connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            except asyncpg.PostgresError as error:
                return Outcome(0, error)
        number = status.rpartition(" ")[2]
        return Outcome(int(number) if number.isdecimal() else 0, None)


@asynccontextmanager
async def signed_in(urls: Urls) -> AsyncIterator[App]:
    """The app's role on a connection on which nobody has been named yet."""
    connection = await asyncpg.connect(urls.app, timeout=10)
    try:
        yield App(connection)
    finally:
        await connection.close()


def new_rows(before: Rows, after: Rows) -> Rows:
    """What was written in between, as it stands there now."""
    return {
        table: {place: row for place, row in rows.items() if _old(before, table, place) != row}
        for table, rows in after.items()
    }


def still_there(rows: Rows, now: Rows) -> Rows:
    """Those of the rows that nobody has touched since."""
    return {
        table: {place: row for place, row in found.items() if _old(now, table, place) == row}
        for table, found in rows.items()
    }


def _old(rows: Rows, table: str, place: str) -> Row | None:
    return rows.get(table, {}).get(place)


def told_apart_by(mine: list[Row], theirs: list[Row]) -> list[str]:
    """The columns that have one value in all of my rows, and another one in all of theirs."""
    return [
        column
        for column, value in mine[0].items()
        if value != theirs[0].get(column)
        and all(row[column] == value for row in mine)
        and all(row[column] == theirs[0][column] for row in theirs)
    ]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
