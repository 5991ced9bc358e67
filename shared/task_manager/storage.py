"""The tasks of each user: the rows behind the Task Manager's tools."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from shared import clock
from shared.database import AnyDatabase, Connection, Database

LONGEST_TITLE = 200

SCHEMA = """
CREATE TABLE IF NOT EXISTS tasks (
    user_id    TEXT NOT NULL CHECK (user_id <> ''),
    number     INTEGER NOT NULL,
    title      TEXT NOT NULL,
    done       INTEGER NOT NULL DEFAULT 0 CHECK (done IN (0, 1)),
    created_at TEXT NOT NULL,
    PRIMARY KEY (user_id, number)
);
"""
_COLUMNS = "number, title, done, created_at"


class TaskError(ValueError):
    """A wish that cannot be met. The text is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class Task:
    """One task. `number` counts from 1 for each user: it is what people say."""

    number: int
    title: str
    done: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Summary:
    """How many tasks a user has."""

    done: int
    open: int

    @property
    def total(self) -> int:
        return self.done + self.open


class TaskStorage:
    """Tasks in a database, or in the SQLite file at a path.

    No method sees or touches any task but those of `user_id`.
    """

    def __init__(self, database: AnyDatabase | str | Path) -> None:
        self.database: AnyDatabase = (
            Database(database) if isinstance(database, str | Path) else database
        )
        self.database.add_schema(SCHEMA)

    async def create(self, user_id: str, title: str) -> Task:
        """Store a task under the user's next number. Raises TaskError for a title that has not 1
        to LONGEST_TITLE characters; runs of white space count as one space."""
        title = _clean(title)
        created_at = clock.utc_text(clock.now())

        async def insert(connection: Connection) -> Task:
            # One statement, so that two who create at the same time never get the same number.
            (row,) = await connection.execute_fetchall(
                f"""
                INSERT INTO tasks (user_id, number, title, created_at)
                SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3 FROM tasks WHERE user_id = ?1
                RETURNING {_COLUMNS}
                """,
                [user_id, title, created_at],
            )
            return _task(row)

        return await self.database.for_user(user_id).transaction(insert)

    async def list(self, user_id: str, include_done: bool = True) -> list[Task]:
        """Return the user's tasks by number."""
        rows = await self.database.for_user(user_id).rows(
            f"SELECT {_COLUMNS} FROM tasks WHERE user_id = ? AND done <= ? ORDER BY number",
            [user_id, int(include_done)],
        )
        return [_task(row) for row in rows]

    async def complete(self, user_id: str, task: int | str) -> Task:
        """Mark a task as done, by its number or its title (upper or lower case), and return it.

        A task that is done stays done. Raises TaskError where no task, or more than one, is meant.
        """

        async def update(connection: Connection) -> Task:
            rows = await connection.execute_fetchall(
                f"SELECT {_COLUMNS} FROM tasks WHERE user_id = ? ORDER BY number", [user_id]
            )
            meant = _meant([_task(row) for row in rows], str(task))
            (row,) = await connection.execute_fetchall(
                f"UPDATE tasks SET done = 1 WHERE user_id = ? AND number = ? RETURNING {_COLUMNS}",
                [user_id, meant.number],
            )
            return _task(row)

        return await self.database.for_user(user_id).transaction(update)

    async def summary(self, user_id: str) -> Summary:
        """Count the user's tasks."""
        rows = await self.database.for_user(user_id).rows(
            "SELECT count(*) AS total, coalesce(sum(done), 0) AS done FROM tasks WHERE user_id = ?",
            [user_id],
        )
        return Summary(done=rows[0]["done"], open=rows[0]["total"] - rows[0]["done"])


def _clean(title: str) -> str:
    title = " ".join(title.split())  # a list of tasks has one line for each
    if not title:
        raise TaskError("A task needs a title.")
    if len(title) > LONGEST_TITLE:
        raise TaskError(
            f"A title has at most {LONGEST_TITLE} characters; this one has {len(title)}."
        )
    return title


def _meant(tasks: list[Task], spoken: str) -> Task:
    """Return the one task that `spoken` names: `3`, `#3`, or a title."""
    spoken = " ".join(spoken.split())
    for task in tasks:
        if spoken.removeprefix("#") == str(task.number):
            return task
    named = [task for task in tasks if task.title.casefold() == spoken.casefold()]
    # Of two tasks with the same title it is the open one that somebody wants to complete.
    named = [task for task in named if not task.done] or named[:1]
    if not named:
        raise TaskError(f"There is no task “{spoken}”.")
    if len(named) > 1:
        numbers = " and ".join(str(task.number) for task in named)
        raise TaskError(f"“{spoken}” is the title of tasks {numbers}. Say which number is meant.")
    return named[0]


def _task(row: Any) -> Task:
    return Task(
        number=row["number"],
        title=row["title"],
        done=bool(row["done"]),
        created_at=datetime.fromisoformat(row["created_at"]),
    )


__all__ = ["LONGEST_TITLE", "Summary", "Task", "TaskError", "TaskStorage"]
