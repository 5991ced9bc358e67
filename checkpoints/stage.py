"""Plays a conversation on a running server and writes down each step: for `record.py`.

The clock of the server stands still until the stage moves it, by one word of the model at a time.
So nothing depends on how fast this machine is: after a `PAUSE` the server waits, and what lies in
its database then is what it holds at that step.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from checkpoints.engine.client import ChatKit, Event, Turn
from checkpoints.engine.server import StudentServer

TICK_MS = 40  # of the recording: a word, at 25 words a second
DOCUMENT_TICKS = 5  # a document of the analysis: 10 seconds for all 50
_TICK_SECONDS = 1000  # of the server's clock: far longer than a recording takes on any machine

# Here the model or the slow tool sleeps before it goes on.
PAUSES = {
    "assistant_message.content_part.added": 1,
    "assistant_message.content_part.text_delta": 1,
    "progress_update": DOCUMENT_TICKS,
}

Rows = dict[str, dict[str, Any]]
"""What a database holds, by id, in the order in which it was stored."""


class StageError(Exception):
    """The conversation did not go as the script says. The text is a sentence."""


@dataclass
class Step:
    """One thing that happened on the wire: a request, an event, or the end of a stream."""

    at: int  # milliseconds since the beginning
    person: str
    request: int  # counted over all people
    kind: str
    value: Any  # the request's body, the event, or how the stream ended
    rows: Rows | None  # what the database held, where the server stood still


@dataclass
class Answer:
    """A stream that is being read."""

    person: str
    request: int
    turn: Turn
    due: int = 0  # the tick at which its next word can come
    ended: bool = False

    def count(self, kind: str) -> int:
        """How many such events it has brought, by the type of the event or of its update."""
        return sum(kind == _kind(event) for event in self.turn.events)


@dataclass
class Stage:
    """A server, the people at it, and the steps so far."""

    server: StudentServer
    database: Path
    clock: Path
    stack: AsyncExitStack
    path: str = "/chatkit"
    steps: list[Step] = field(default_factory=list)
    _tick: int = 0
    _requests: int = 0
    _step_in_tick: int = 0
    _open: list[Answer] = field(default_factory=list)

    async def person(self, name: str) -> ChatKit:
        """A client of one person. What it sends is a step."""

        async def sent(request: httpx.Request) -> None:
            self._requests += 1
            self._note(name, self._requests, "request", json.loads(request.content), still=True)

        http = await self.stack.enter_async_context(
            httpx.AsyncClient(
                base_url=self.server.base_url,
                timeout=30.0,
                trust_env=False,
                event_hooks={"request": [sent]},
            )
        )
        return ChatKit(http, self.path, name)

    async def say(self, person: ChatKit, text: str, thread: str | None = None) -> Answer:
        """Send a message. An answer that still runs in the thread ends by it. Reads up to a pause."""
        cut = [one for one in self._open if thread and _thread_of(one) == thread]
        turn = await self.stack.enter_async_context(person.saying(text, thread))
        for answer in cut:  # its end comes before the new one's beginning
            await self._read(answer)
        answer = Answer(person.user, self._requests, turn)
        self._open.append(answer)
        await self._read(answer)
        return answer

    async def until(self, enough: Callable[[], bool]) -> None:
        """Let time pass until it is enough, or all answers are there."""
        while self._open and not enough():
            self._move(1)
            for answer in list(self._open):
                if answer.due <= self._tick:
                    await self._read(answer)

    async def finish(self) -> None:
        """Let time pass until all answers are there."""
        await self.until(lambda: False)

    def wait(self, seconds: float) -> None:
        """Let time pass in which nothing happens."""
        assert not self._open, "somebody is still being answered"
        self._move(round(seconds * 1000 / TICK_MS))

    def _move(self, ticks: int) -> None:
        self._tick += ticks
        self._step_in_tick = 0
        new = self.clock.with_suffix(".new")
        new.write_text(str(self._tick * _TICK_SECONDS), encoding="utf-8")
        os.replace(new, self.clock)

    async def _read(self, answer: Answer) -> None:
        """Read up to the next pause, or to the end."""
        while True:
            try:
                event = await answer.turn.read_until(lambda _: True)
            except TimeoutError:
                raise StageError(
                    f"{answer.turn.tried} The stream fell silent after {len(self.steps)} steps: the "
                    "script expects an event there, and the server waits for something else."
                ) from None
            if event is None:
                answer.ended = True
                self._open.remove(answer)
                how = "cut" if _unfinished(answer.turn) else "whole"
                self._note(answer.person, answer.request, "end", how, still=True)
                return
            pause = PAUSES.get(_kind(event))
            self._note(answer.person, answer.request, "event", event, still=pause is not None)
            if pause:
                answer.due = self._tick + pause
                return

    def _note(self, person: str, request: int, kind: str, value: Any, *, still: bool) -> None:
        at = self._tick * TICK_MS + self._step_in_tick
        self._step_in_tick += 1
        rows = read_rows(self.database) if still else None
        self.steps.append(Step(at, person, request, kind, value, rows))


def stage_settings(database: Path, clock: Path) -> dict[str, str]:
    """The environment of a server that waits for the stage at each word."""
    return {
        "CHATKIT_MODEL": "offline",
        "CHATKIT_DATABASE": str(database),
        "CHATKIT_CLOCK": str(clock),
        "CHATKIT_PACE": str(1 / _TICK_SECONDS),
        "CHATKIT_ANALYSIS": str(50 * DOCUMENT_TICKS * _TICK_SECONDS),
    }


def recorded_ms(clock_seconds: float) -> int:
    """The recording's time at which the server's clock was so far ahead."""
    return round(clock_seconds / _TICK_SECONDS) * TICK_MS


def read_rows(database: Path) -> Rows:
    """What is committed at this moment, to whoever opens the file: nothing where there is none."""
    if not database.exists():
        return {}
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        rows: Rows = {}
        if "threads" in tables:
            for (data,) in connection.execute("SELECT data FROM threads ORDER BY seq"):
                thread = json.loads(data)
                rows[thread["id"]] = {"table": "threads", "thread": thread["id"], "data": thread}
            for (data,) in connection.execute("SELECT data FROM items ORDER BY seq"):
                item = json.loads(data)
                rows[item["id"]] = {"table": "items", "thread": item["thread_id"], "data": item}
        if "tasks" in tables:
            columns = "user_id, number, title, done"
            for user, number, title, done in connection.execute(
                f"SELECT {columns} FROM tasks ORDER BY user_id, number"
            ):
                task = {"user_id": user, "number": number, "title": title, "done": bool(done)}
                rows[f"task {number} of {user}"] = {"table": "tasks", "data": task}
    return rows


def _kind(event: Event) -> str:
    update: dict[str, str] = event.get("update") or {}
    return update.get("type") or str(event["type"])


def _thread_of(answer: Answer) -> str | None:
    """The thread as the answer's events name it."""
    items = [event["item"] for event in answer.turn.events if "item" in event]
    return next((item["thread_id"] for item in items), answer.turn.thread_id)


def _unfinished(turn: Turn) -> bool:
    added = {event["item"]["id"] for event in turn.of_type("thread.item.added")}
    return bool(added - {item["id"] for item in turn.finished_items})
