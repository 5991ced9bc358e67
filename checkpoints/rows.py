"""`make rows-NN`: the rows of a lesson's database, as they lie there."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from rich.console import Console
from rich.table import Table

_WIDEST = 60
_NEWEST = 20


def print_rows(console: Console, database: Path) -> None:
    """Print each table, the newest rows last. Reads only: the server may be running.

    Raises sqlite3.DatabaseError for a file that is none of SQLite's.
    """
    connection = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)
    try:
        names = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        )
        for (name,) in names.fetchall():
            _print_table(console, connection, name)
    finally:
        connection.close()


def _print_table(console: Console, connection: sqlite3.Connection, name: str) -> None:
    [count] = connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()
    found = connection.execute(f'SELECT * FROM "{name}" ORDER BY rowid DESC LIMIT {_NEWEST}')
    table = Table(*(column[0] for column in found.description), header_style="dim", box=None)
    for row in reversed(found.fetchall()):
        table.add_row(*(_short(value) for value in row))
    said = f"{count} rows" if count <= _NEWEST else f"{count} rows, the newest {_NEWEST} of them"
    console.print(name, style="bold", end="  ")
    console.print(said)
    if count:
        console.print(table)
    console.print()


def _short(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"
