"""A trail of what became of sessions: one line of JSON each, appended to a file beside the database.

It outlives the rows that it tells of. `CHATKIT_AUDIT` names another file.
"""

from __future__ import annotations

import json
from typing import Literal

from shared import clock
from shared.settings import get_settings

Event = Literal["created", "resumed", "expired", "cleaned"]


def record(event: Event, session_id: str, user_id: str) -> None:
    """Append `{"at": …, "event": …, "session": …, "user": …}`; `at` is UTC. Raises OSError."""
    line = {
        "at": clock.utc_text(clock.now()),
        "event": event,
        "session": session_id,
        "user": user_id,
    }
    with get_settings().audit.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


__all__ = ["Event", "record"]
