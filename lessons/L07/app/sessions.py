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

from chatkit.store import NotFoundError
from chatkit.types import ThreadMetadata

from app.store import UserStore
from shared import audit, clock
from shared.clock import utc_text
from shared.context import RequestContext
from shared.database import AnyDatabase, Connection
from shared.settings import get_settings

BREAK = timedelta(minutes=30)  # whoever was away for longer is coming back
DAY = timedelta(days=1).total_seconds()
SLICE = 100  # items that one transaction deletes: a writer waits for no more than that

logger = logging.getLogger(__name__)


class SessionStore(UserStore):
    """A Store whose threads expire."""

    def __init__(self, database: AnyDatabase) -> None:
        """Keep the sessions beside the threads."""
        super().__init__(database)
        self._cleaning = asyncio.Lock()  # two clean-ups at once would do everything twice

    def visible(self, context: RequestContext) -> tuple[str, list[Any]]:
        """Return the condition for what the speaker may read: their own live sessions."""
        theirs, parameters = super().visible(context)
        return (
            f"{theirs} AND id IN (SELECT thread_id FROM sessions"
            " WHERE user_id = ? AND state = 'live' AND active_at > ? AND created_at > ?)",
            [*parameters, context.user_id, *_deadlines()],
        )

    async def save_thread(self, thread: ThreadMetadata, context: RequestContext) -> None:
        """Save the thread. A new one begins a session of whoever is speaking."""
        now = utc_text(clock.now())
        new = await self.database.for_user(context.user_id).transaction(
            lambda connection: connection.execute_fetchall(
                "INSERT INTO sessions (user_id, thread_id, created_at, active_at)"
                " VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING thread_id",
                [context.user_id, thread.id, now, now],
            )
        )
        await super().save_thread(thread, context)
        if new:
            audit.record("created", thread.id, context.user_id)

    async def delete_thread(self, thread_id: str, context: RequestContext) -> None:
        """Delete the thread and its session. What its owner deletes leaves no trace."""
        await self.database.for_user(context.user_id).write(
            "DELETE FROM sessions WHERE user_id = ? AND thread_id = ?",
            [context.user_id, thread_id],
        )
        await super().delete_thread(thread_id, context)

    async def resume(self, thread_id: str, context: RequestContext) -> bool:
        """Extend a session of theirs by one message. Returns False where it has expired.

        Raises NotFoundError where they have no such session.
        """
        database = self.database.for_user(context.user_id)
        found = await database.rows(
            "SELECT * FROM sessions WHERE user_id = ? AND thread_id = ?",
            [context.user_id, thread_id],
        )
        if not found:
            raise NotFoundError(f"There is no thread {thread_id}.")
        session, now = found[0], clock.now()
        idle_since, begun = _deadlines()
        if session["active_at"] <= idle_since or session["created_at"] <= begun:
            await self._expire(database, context.user_id, thread_id)
            return False
        await database.write(
            "UPDATE sessions SET active_at = ? WHERE user_id = ? AND thread_id = ?",
            [utc_text(now), context.user_id, thread_id],
        )
        if session["active_at"] < utc_text(now - BREAK):
            audit.record("resumed", thread_id, context.user_id)
        return True

    async def clean_up(self, busy: Container[str] = ()) -> int:
        """Delete what expired sessions hold, and give its space back. Returns how many sessions.

        `busy` are threads in which an answer is on its way.
        """
        database = self.database.for_maintenance()
        async with self._cleaning:
            expired = await database.rows(
                "SELECT user_id, thread_id FROM sessions WHERE state = 'expired'"
                " OR state = 'live' AND (active_at <= ? OR created_at <= ?)",
                _deadlines(),
            )
            expired = [session for session in expired if session["thread_id"] not in busy]
            for user_id, thread_id in expired:
                await self._expire(database, user_id, thread_id)
                delete_some = partial(_delete_some, user_id=user_id, thread_id=thread_id)
                while not await database.transaction(delete_some):
                    pass
                audit.record("cleaned", thread_id, user_id)
            await database.shrink()
            return len(expired)

    async def _expire(self, database: AnyDatabase, user_id: str, thread_id: str) -> None:
        """Mark the session as over, and note that once."""
        marked = await database.transaction(
            lambda connection: connection.execute_fetchall(
                "UPDATE sessions SET state = 'expired'"
                " WHERE user_id = ? AND thread_id = ? AND state = 'live' RETURNING thread_id",
                [user_id, thread_id],
            )
        )
        if marked:
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


async def _delete_some(connection: Connection, user_id: str, thread_id: str) -> bool:
    """Delete a slice of the session's items. Returns True when nothing is left of it but its row."""
    deleted = await connection.execute(
        "DELETE FROM items WHERE seq IN"
        " (SELECT seq FROM items WHERE user_id = ? AND thread_id = ? LIMIT ?)",
        [user_id, thread_id, SLICE],
    )
    if deleted.rowcount == SLICE:
        return False
    whose = [user_id, thread_id]
    await connection.execute("DELETE FROM threads WHERE user_id = ? AND id = ?", whose)
    await connection.execute(
        "UPDATE sessions SET state = 'cleaned' WHERE user_id = ? AND thread_id = ?", whose
    )
    return True
