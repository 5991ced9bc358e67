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
        raise NotImplementedError(
            "__init__() is not written yet: lesson 5, “3. A session for each conversation”."
        )

    def visible(self, context: RequestContext) -> tuple[str, list[Any]]:
        """Return the condition for what the speaker may read: their own live sessions."""
        # What the base class does, until you have written yours: lesson 5, “4. Theirs, and alive”.
        return super().visible(context)

    async def save_thread(self, thread: ThreadMetadata, context: RequestContext) -> None:
        """Save the thread. A new one begins a session of whoever is speaking."""
        # What the base class does, until you have written yours: lesson 5, “3. A session for each conversation”.
        return await super().save_thread(thread, context)

    async def delete_thread(self, thread_id: str, context: RequestContext) -> None:
        """Delete the thread and its session. What its owner deletes leaves no trace."""
        # What the base class does, until you have written yours: lesson 5, “4. Theirs, and alive”.
        return await super().delete_thread(thread_id, context)

    async def resume(self, thread_id: str, context: RequestContext) -> bool:
        """Extend a session of theirs by one message. Returns False where it has expired.

        Raises NotFoundError where they have no such session.
        """
        raise NotImplementedError(
            "resume() is not written yet: lesson 5, “5. Coming back”."
        )

    async def clean_up(self, busy: Container[str] = ()) -> int:
        """Delete what expired sessions hold, and give its space back. Returns how many sessions.

        `busy` are threads in which an answer is on its way.
        """
        raise NotImplementedError(
            "clean_up() is not written yet: lesson 5, “7. Clean up behind them”."
        )

    async def _expire(self, thread_id: str) -> None:
        """Mark the session as over, and note that once."""
        raise NotImplementedError(
            "_expire() is not written yet: lesson 5, “5. Coming back”."
        )


async def clean_up_daily(store: SessionStore, busy: Container[str]) -> None:
    """Clean up now, and again each day. What goes wrong today may go right tomorrow."""
    raise NotImplementedError(
        "clean_up_daily() is not written yet: lesson 5, “7. Clean up behind them”."
    )


def _deadlines() -> list[str]:
    """Return the last activity, and the beginning, of a session that expires in this moment."""
    raise NotImplementedError(
        "_deadlines() is not written yet: lesson 5, “4. Theirs, and alive”."
    )


async def _delete_some(connection: aiosqlite.Connection, thread_id: str) -> bool:
    """Delete a slice of the session's items. Returns True when nothing is left of it but its row."""
    raise NotImplementedError(
        "_delete_some() is not written yet: lesson 5, “7. Clean up behind them”."
    )
