"""The summaries of conversations, in a table of their own."""

from dataclasses import dataclass

from shared.database import Database

SCHEMA = """
CREATE TABLE IF NOT EXISTS summaries (
    thread_id TEXT PRIMARY KEY,
    text      TEXT NOT NULL,
    up_to     TEXT NOT NULL
);
"""


@dataclass(frozen=True)
class Summary:
    """A text, and the id of the last item in it."""

    text: str = ""
    up_to: str = ""


class Summaries:
    """Keeps one for each thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.add_schema(SCHEMA)

    async def load(self, thread_id: str) -> Summary:
        rows = await self._database.rows(
            "SELECT text, up_to FROM summaries WHERE thread_id = ?", [thread_id]
        )
        return Summary(*rows[0]) if rows else Summary()

    async def save(self, thread_id: str, summary: Summary) -> None:
        await self._database.write(
            "INSERT OR REPLACE INTO summaries VALUES (?, ?, ?)",
            [thread_id, summary.text, summary.up_to],
        )
