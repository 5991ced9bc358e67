"""A database with one small table, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from shared.database import AnyDatabase, Database

NOTES = """
CREATE TABLE IF NOT EXISTS notes (
    seq  INTEGER PRIMARY KEY AUTOINCREMENT,
    text TEXT NOT NULL CHECK (text <> '')
);
"""
ADD = "INSERT INTO notes (text) VALUES (?)"
ALL = "SELECT text FROM notes ORDER BY seq"
HANG_SECONDS = 60  # after which a test fails instead of waiting for ever

TDatabase = TypeVar("TDatabase", bound=AnyDatabase)


def notes_in(database: TDatabase) -> TDatabase:
    """Return the database with a table `notes`, which refuses an empty text."""
    database.add_schema(NOTES)
    return database


def notes_at(path: Path | str) -> Database:
    """Return the SQLite file with such a table."""
    return notes_in(Database(path))


async def notes(database: AnyDatabase) -> list[str]:
    return [row["text"] for row in await database.rows(ALL)]
