"""Checkpoint 6 with people at it: a real server process, a played model, and the rows of each owner."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

import httpx

from checkpoints.engine.identity import Identity
from checkpoints.engine.provider import Call, CallTools, Provider, Reply, Say, ToolUse
from checkpoints.engine.server import StudentServer
from checkpoints.lesson import CHECKPOINTS
from shared.context import RequestContext
from shared.database import AnyDatabase

APP = CHECKPOINTS / "L06" / "app"
TABLES = ("threads", "items", "attachments", "sessions", "tasks")

OLD = "2020-01-01"
"""Sessions that were active before that have expired."""

Rows = list[tuple[str, ...]]
Json = dict[str, Any]


@contextmanager
def app_modules(*names: str) -> Iterator[list[ModuleType]]:
    """The modules of checkpoint 6's package `app`, which other lessons have too."""
    sys.path.insert(0, str(APP.parent))
    try:
        yield [importlib.import_module(name) for name in names]
    finally:
        sys.path.remove(str(APP.parent))
        for name in [name for name in sys.modules if name.split(".")[0] == "app"]:
            del sys.modules[name]


def store_class(name: str) -> Any:
    """`UserStore` or `SessionStore` of checkpoint 6."""
    with app_modules("app.store", "app.sessions") as [store, sessions]:
        return getattr(store, name, None) or getattr(sessions, name)


class Answer(NamedTuple):
    """What came back of a request, as far as it must not tell anything."""

    status: int
    content_type: str
    text: str

    def without(self, ids: Sequence[str]) -> Answer:
        """The same with no id in it."""
        text = self.text
        for one in ids:
            text = text.replace(one, "…")
        return self._replace(text=text)


class Dump(dict[str, Rows]):
    """All rows of all tables, by the user who owns them."""

    def secrets(self, owner: str) -> frozenset[str]:
        """What stands in their rows and in nobody else's."""
        words = {one: _words_of(tuple(rows)) for one, rows in self.items()}
        return words.pop(owner, frozenset()).difference(*words.values())

    def threads(self, owner: str, *, expired: bool = False) -> list[str]:
        """The ids of their threads: those that live, or those that have expired."""
        sessions = [row for row in self.get(owner, []) if row[0] == "sessions"]
        return [thread for _, _, thread, _, active, _ in sessions if (active < OLD) == expired]

    def items_of(self, owner: str) -> list[tuple[str, str, str]]:
        """Thread, id and type of each of their items."""
        return [(row[2], row[3], row[4]) for row in self.get(owner, []) if row[0] == "items"]


_SAID = re.compile(r"\b(?:[bdfgklmnprstvz][aeiou]){4}\b|\b[a-z]{2,8}_[0-9a-f]{32}")


def words_in(text: str) -> set[str]:
    """What nobody could write without having read it: words as `Words` makes them up, and ids."""
    return set(_SAID.findall(text.lower()))


@cache
def _words_of(rows: tuple[tuple[str, ...], ...]) -> frozenset[str]:
    return frozenset(word for row in rows for value in row for word in words_in(value))


_COLUMNS = {
    "threads": "user_id, id, title, created_at, data",
    "items": "user_id, thread_id, id, type, created_at, data",
    "attachments": "user_id, id, thread_id, name, mime_type, data",
    "sessions": "user_id, thread_id, created_at, active_at, state",
    "tasks": "user_id, number, title, done, created_at",
}


@dataclass
class House:
    """The running server, and everybody's way to it."""

    server: StudentServer
    model: Provider
    identity: Identity
    database: AnyDatabase  # the same as the server's, for a look at it from beside
    http: httpx.AsyncClient

    async def dump(self) -> Dump:
        """All rows of everybody."""
        found = Dump()
        maintenance = self.database.for_maintenance()
        for table, columns in _COLUMNS.items():
            # Each row begins with its table and ends with what it holds; the owner is the key.
            for owner, *row in await maintenance.rows(f"SELECT {columns} FROM {table}"):
                found.setdefault(owner, []).append((table, owner, *map(str, row)))
        for rows in found.values():
            rows.sort()
        return found

    async def send(
        self, speaker: str | None, body: Json | bytes, headers: Mapping[str, str] = {}
    ) -> Answer:
        """One request of somebody who is signed in, or of nobody, and the whole answer."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Content-Type": "application/json", **headers}
        if speaker is not None:
            given["Authorization"] = f"Bearer {self.identity.token(speaker)}"
        url = f"{self.server.base_url}/chatkit"
        response = await self.http.post(url, content=content, headers=given)
        return Answer(response.status_code, response.headers.get("content-type", ""), response.text)

    async def say(self, speaker: str, text: str, thread: str | None = None) -> Answer:
        """A message, to a new thread or to one that is there."""
        given = {"content": [{"type": "input_text", "text": text}]}
        params: Json = {"input": {**given, "attachments": [], "inference_options": {}}}
        if thread is None:
            return await self.send(speaker, {"type": "threads.create", "params": params})
        params["thread_id"] = thread
        return await self.send(speaker, {"type": "threads.add_user_message", "params": params})

    def heard(self) -> str:
        """All that the model was sent since it was last asked to forget."""
        return json.dumps([call.body for call in self.model.calls], ensure_ascii=False)


def obedient(call: Call) -> Reply:
    """The model calls the tool that a message names (“create_task buy milk”), and tells what that
    returned. Any other message it says again."""
    if call.tool_outputs and call.items[-1].get("role") != "user":
        return Say(call.tool_outputs[-1].output)
    tool, _, rest = call.user_texts[-1].partition(" ")
    arguments = {
        "create_task": {"title": rest},
        "list_tasks": {},
        "complete_task": {"task": rest},
        "remember_fact": {"kind": "project", "name": "name", "value": rest},
    }
    if tool in arguments:
        return CallTools([ToolUse(tool, arguments[tool])])
    return Say(f"You said: {call.user_texts[-1]}")


def context(user: str) -> RequestContext:
    return RequestContext(user_id=user)
