"""Sessions: a conversation that its owner can come back to, on any device, until it expires.

A session is a thread, its owner and two times. When it is over its content goes. Its row stays, so
that the owner's next message gets a new conversation and not an error.
"""

import asyncio
import logging
from collections.abc import Container
from datetime import timedelta
from functools import partial
from typing import Any

import aiosqlite
from chatkit.store import NotFoundError
from chatkit.types import ThreadMetadata

from shared import audit, clock
from shared.clock import utc_text
from shared.context import RequestContext
from shared.database import Database
from shared.settings import get_settings
from shared.store import SQLiteStore

SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (
    thread_id  TEXT PRIMARY KEY,
    user_id    TEXT NOT NULL,
    created_at TEXT NOT NULL,
    active_at  TEXT NOT NULL,
    state      TEXT NOT NULL DEFAULT 'live'  -- then 'expired', then 'cleaned'
);
CREATE INDEX IF NOT EXISTS sessions_by_user ON sessions (user_id);
CREATE INDEX IF NOT EXISTS sessions_by_activity ON sessions (state, active_at);
CREATE INDEX IF NOT EXISTS sessions_by_age ON sessions (state, created_at);
"""
BREAK = timedelta(minutes=30)  # whoever was away for longer is coming back
DAY = timedelta(days=1).total_seconds()
SLICE = 100  # items that one transaction deletes: a writer waits for no more than that

logger = logging.getLogger(__name__)


class SessionStore(SQLiteStore[RequestContext]):
    """A Store whose threads belong to somebody, and expire."""

    def __init__(self, database: Database) -> None:
        """Keep the sessions in the file of the threads."""
        super().__init__(database)
        self.database.add_schema(SCHEMA)
        self._cleaning = asyncio.Lock()  # two clean-ups at once would do everything twice

    def visible(self, context: RequestContext) -> tuple[str, list[Any]]:
        """Return the condition for what the speaker may read: their own live sessions."""
        return (
            "id IN (SELECT thread_id FROM sessions"
            " WHERE state = 'live' AND active_at > ? AND created_at > ?)",
            _deadlines(),
        )

    async def save_thread(self, thread: ThreadMetadata, context: RequestContext) -> None:
        """Save the thread. A new one begins a session of whoever is speaking."""
        now = utc_text(clock.now())
        new = await self.database.transaction(
            lambda connection: connection.execute_fetchall(
                "INSERT INTO sessions (thread_id, user_id, created_at, active_at)"
                " VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING thread_id",
                [thread.id, context.user_id, now, now],
            )
        )
        await super().save_thread(thread, context)
        if new:
            audit.record("created", thread.id, context.user_id)

    async def delete_thread(self, thread_id: str, context: RequestContext) -> None:
        """Delete the thread and its session. What its owner deletes leaves no trace."""
        await self.database.write(
            "DELETE FROM sessions WHERE thread_id = ?",
            [thread_id],
        )
        await super().delete_thread(thread_id, context)

    async def owner(self, thread_id: str) -> str:
        """Return who began the session."""
        rows = await self.database.rows(
            "SELECT user_id FROM sessions WHERE thread_id = ?", [thread_id]
        )
        return str(rows[0]["user_id"])

    async def resume(self, thread_id: str, context: RequestContext) -> bool:
        """Extend a session of theirs by one message. Returns False where it has expired.

        Raises NotFoundError where they have no such session.
        """
        found = await self.database.rows(
            "SELECT * FROM sessions WHERE thread_id = ?",
            [thread_id],
        )
        if not found:
            raise NotFoundError(f"There is no thread {thread_id}.")
        session, now = found[0], clock.now()
        idle_since, begun = _deadlines()
        if session["active_at"] <= idle_since or session["created_at"] <= begun:
            await self._expire(thread_id)
            return False
        await self.database.write(
            "UPDATE sessions SET active_at = ? WHERE thread_id = ?", [utc_text(now), thread_id]
        )
        if session["active_at"] < utc_text(now - BREAK):
            audit.record("resumed", thread_id, context.user_id)
        return True

    async def clean_up(self, busy: Container[str] = ()) -> int:
        """Delete what expired sessions hold, and give its space back. Returns how many sessions.

        `busy` are threads in which an answer is on its way.
        """
        async with self._cleaning:
            expired = await self.database.rows(
                "SELECT thread_id, user_id FROM sessions WHERE state = 'expired'"
                " OR state = 'live' AND (active_at <= ? OR created_at <= ?)",
                _deadlines(),
            )
            expired = [session for session in expired if session["thread_id"] not in busy]
            for thread_id, user_id in expired:
                await self._expire(thread_id)
                delete_some = partial(_delete_some, thread_id=thread_id)
                while not await self.database.transaction(delete_some):
                    pass
                audit.record("cleaned", thread_id, user_id)
            await self.database.shrink()
            return len(expired)

    async def _expire(self, thread_id: str) -> None:
        """Mark the session as over, and note that once."""
        marked = await self.database.transaction(
            lambda connection: connection.execute_fetchall(
                "UPDATE sessions SET state = 'expired' WHERE thread_id = ? AND state = 'live'"
                " RETURNING user_id",
                [thread_id],
            )
        )
        for (user_id,) in marked:
            audit.record("expired", thread_id, user_id)


async def clean_up_daily(store: SessionStore, busy: Container[str]) -> None:
    """Clean up now, and again each day. What goes wrong today may go right tomorrow."""
    while True:
        try:
            await store.clean_up(busy)
        except Exception:
            logger.exception("The clean-up failed.")
        await clock.sleep(DAY)


def _deadlines() -> list[str]:
    """Return the last activity, and the beginning, of a session that expires in this moment."""
    settings, now = get_settings(), clock.now()
    limits = (settings.idle_seconds, settings.longest_seconds)
    return [utc_text(now - timedelta(seconds=limit)) for limit in limits]


async def _delete_some(connection: aiosqlite.Connection, thread_id: str) -> bool:
    """Delete a slice of the session's items. Returns True when nothing is left of it but its row."""
    deleted = await connection.execute(
        "DELETE FROM items WHERE seq IN (SELECT seq FROM items WHERE thread_id = ? LIMIT ?)",
        [thread_id, SLICE],
    )
    if deleted.rowcount == SLICE:
        return False
    await connection.execute("DELETE FROM threads WHERE id = ?", [thread_id])
    await connection.execute(
        "UPDATE sessions SET state = 'cleaned' WHERE thread_id = ?", [thread_id]
    )
    return True
