"""A Database with one small table, for tests."""

from __future__ import annotations

from pathlib import Path

from shared.database import Database

NOTES = "CREATE TABLE IF NOT EXISTS notes (text TEXT NOT NULL CHECK (text <> ''));"
ADD = "INSERT INTO notes (text) VALUES (?)"
ALL = "SELECT text FROM notes ORDER BY rowid"
HANG_SECONDS = 60  # after which a test fails instead of waiting for ever


def notes_at(path: Path | str) -> Database:
    """Return a Database with a table `notes`, which refuses an empty text."""
    database = Database(path)
    database.add_schema(NOTES)
    return database


async def notes(database: Database) -> list[str]:
    return [row["text"] for row in await database.rows(ALL)]
