"""`make record`: plays lesson 1's conversation on a real server and keeps what happened.

The conversation is a script of who says what, and when. Everything else in the recording, each
event, each row of the database, what a new server still knows, comes from the server of a
checkpoint. Only names are made short: ids are counted, and times begin at a fixed moment.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sqlite3
import tempfile
import time
from contextlib import AsyncExitStack, closing
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx

from checkpoints.engine.client import ChatKit, text_of
from checkpoints.engine.server import CannotStart, StudentServer
from checkpoints.engine.verdict import Failed
from checkpoints.engine.warm import Starter, make_starter
from checkpoints.lesson import CHECKPOINTS
from checkpoints.stage import (
    Rows,
    Stage,
    StageError,
    Step,
    read_rows,
    recorded_ms,
    stage_settings,
)

RECORDING = CHECKPOINTS / "L01" / "recording.json"
CHAT_APP = CHECKPOINTS / "L03" / "app"
STATELESS_APP = CHECKPOINTS / "L01" / "app"

_BEGINNING = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
_LONG_ID = re.compile(r"\b([a-z]+)_[0-9a-f]{32}\b")


async def play(stage: Stage) -> None:
    """The conversation: two people, a thread each, five questions, five answers."""
    alice, bob = await stage.person("alice"), await stage.person("bob")

    task = await stage.say(alice, "Add a task: buy milk")
    await stage.finish()
    stage.wait(1)
    none = await stage.say(bob, "Show my tasks")
    await stage.finish()
    stage.wait(1)
    analysis = await stage.say(bob, "Analyse the documents", none.turn.thread_id)
    await stage.until(lambda: analysis.count("progress_update") == 46)
    await stage.say(alice, "Tell me a long story", task.turn.thread_id)
    delta = "assistant_message.content_part.text_delta"
    await stage.until(lambda: analysis.count(delta) == 12)
    await stage.say(alice, "Show my tasks", task.turn.thread_id)  # she does not wait for the end
    await stage.finish()


async def record(starter: Starter) -> dict[str, Any]:
    """Play it all. Raises StageError, Failed, CannotStart."""
    with tempfile.TemporaryDirectory(prefix="workbook-") as folder:
        recording = await _record_chat(starter, Path(folder))
        questions = [
            (step["person"], step["body"]["params"]["input"]["content"][0]["text"])
            for step in recording["steps"]
            if step["kind"] == "request"
        ]
        questions.append(("alice", "What did I ask earlier?"))
        recording["stateless"] = await _record_stateless(starter, Path(folder), questions)
    return recording


async def _record_chat(starter: Starter, folder: Path) -> dict[str, Any]:
    database, clock = folder / "chat.db", folder / "clock"
    server = StudentServer(CHAT_APP, starter, stage_settings(database, clock))
    began = time.time()
    try:
        await server.start()
        async with AsyncExitStack() as stack:
            stage = Stage(server, database, clock, stack)
            await play(stage)
    finally:
        await server.process.stop()  # in order: then all that is stored is in the one file
        await server.close()
    steps = stage.steps
    everything = read_rows(database)
    held = _held(steps, everything)
    states = [list(ids) for ids in dict.fromkeys(map(tuple, held))]
    survivors = await _restart(starter, folder, database, states)
    owners = {row["thread"]: "" for row in everything.values() if row["table"] == "threads"}
    for step in steps:
        if step.kind == "event" and step.value["type"] == "thread.created":
            owners[step.value["thread"]["id"]] = step.person
    recording = {
        "recorded_from": f"checkpoints/{CHAT_APP.parent.name}",
        "sdk": f"openai-chatkit {version('openai-chatkit')}",
        "people": sorted(set(owners.values())),
        "rows": {name: _row(row, owners) for name, row in everything.items()},
        "states": [
            {"holds": holds, "after_restart": after}
            for holds, after in zip(states, survivors, strict=True)
        ],
        "steps": [_step(step, states.index(ids)) for step, ids in zip(steps, held, strict=True)],
    }
    return _readable(recording, began)


def _held(steps: list[Step], everything: Rows) -> list[list[str]]:
    """The ids that the server holds after each step.

    Where it stands still, its database says so. In between it may be ahead of the wire by a
    moment. There a row counts from the event that announces it: each is stored before that.
    """
    announced: dict[str, int] = {}
    for number, step in enumerate(steps):
        match step:
            case Step(kind="event", value={"type": "thread.created", "thread": {"id": name}}):
                announced[name] = number
            case Step(kind="event", value={"type": "thread.item.done", "item": {"id": name}}):
                announced[name] = number
    held: list[list[str]] = []
    now: set[str] = set()
    for number, step in enumerate(steps):
        if step.rows is not None:
            late = {name for name, when in announced.items() if when > number}
            if missing := now - step.rows.keys():
                raise StageError(f"Step {number}: {missing} was announced, and is not stored.")
            now = step.rows.keys() - late
        now = now | {name for name, when in announced.items() if when == number}
        held.append([name for name in everything if name in now])
    return held


async def _restart(
    starter: Starter, folder: Path, database: Path, states: list[list[str]]
) -> list[list[str]]:
    """Start a new server on each state of the database, and look what it still knows."""
    copy = folder / "restarted.db"
    server = StudentServer(
        CHAT_APP, starter, {"CHATKIT_MODEL": "offline", "CHATKIT_DATABASE": str(copy)}
    )
    survivors = []
    try:
        for names in states:
            _leave_only(names, database, copy)
            await server.restart(patience=0)
            async with httpx.AsyncClient(base_url=server.base_url, trust_env=False) as http:
                survivors.append(await _known(ChatKit(http, "/chatkit", "alice"), copy))
    finally:
        await server.close()
    return survivors


def _leave_only(names: list[str], database: Path, copy: Path) -> None:
    for file in copy.parent.glob(f"{copy.name}*"):
        file.unlink()
    shutil.copyfile(database, copy)
    with closing(sqlite3.connect(copy)) as connection:
        marks = ", ".join("?" * len(names))
        for table, name in (
            ("items", "id"),
            ("threads", "id"),
            ("tasks", "'task ' || number || ' of ' || user_id"),
        ):
            connection.execute(f"DELETE FROM {table} WHERE {name} NOT IN ({marks})", names)
        connection.commit()


async def _known(person: ChatKit, database: Path) -> list[str]:
    """What the server says that it holds. What it never shows (hidden items, tasks) is looked up."""
    page = await person.ask("threads.list", limit=100, order="asc")
    told = [thread["id"] for thread in page["data"]]
    for thread in list(told):
        told += [item["id"] for item in await person.items(thread)]
    rows = read_rows(database)
    silent = {
        name
        for name, row in rows.items()
        if row["table"] == "tasks" or row["data"].get("type") == "sdk_hidden_context"
    }
    if set(told) != rows.keys() - silent:
        raise StageError("After a restart the server shows other items than its database holds.")
    return list(rows)


def _row(row: dict[str, Any], owners: dict[str, str]) -> dict[str, Any]:
    data = row["data"]
    match row["table"]:
        case "threads":
            person, kind, text = owners[row["thread"]], "thread", data.get("title") or ""
        case "items":
            person, kind = owners[row["thread"]], data["type"]
            hidden = kind == "sdk_hidden_context"
            text = data["content"] if hidden else text_of(data)
        case _:
            person, kind, text = data["user_id"], "row of the tool", data["title"]
    return {"table": row["table"], "person": person, "type": kind, "text": text, "data": data}


def _step(step: Step, state: int) -> dict[str, Any]:
    name = {"request": "body", "event": "event", "end": "answer"}[step.kind]
    return {
        "at": step.at,
        "person": step.person,
        "request": step.request,
        "kind": step.kind,
        name: step.value,
        "state": state,
    }


def _readable(recording: dict[str, Any], began: float) -> dict[str, Any]:
    """The recording with short ids, and with times that begin at a fixed moment."""
    numbers: dict[str, dict[str, int]] = {}

    def short(found: re.Match[str]) -> str:
        known = numbers.setdefault(found[1], {})
        return f"{found[1]}_{known.setdefault(found[0], len(known) + 1)}"

    def dated(value: Any) -> Any:
        if isinstance(value, list):
            return [dated(one) for one in value]
        if not isinstance(value, dict):
            return value
        return {
            name: _recorded_time(one, began) if name == "created_at" else dated(one)
            for name, one in value.items()
        }

    ordered = {"steps": recording["steps"], **recording}  # ids are counted as they appear
    named = json.loads(_LONG_ID.sub(short, json.dumps(dated(ordered), ensure_ascii=False)))
    return {name: named[name] for name in recording}


def _recorded_time(text: str, began: float) -> str:
    ahead = datetime.fromisoformat(text).timestamp() - began
    moment = _BEGINNING + timedelta(milliseconds=recorded_ms(ahead))
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def _record_stateless(
    starter: Starter, folder: Path, questions: list[tuple[str, str]]
) -> dict[str, Any]:
    """The same questions to `/ask`, one after another: what goes over the wire, and what is kept."""
    database = folder / "stateless.db"
    settings = {"CHATKIT_MODEL": "offline", "CHATKIT_DATABASE": str(database)}
    server = StudentServer(STATELESS_APP, starter, settings)
    steps: list[dict[str, Any]] = []

    def note(person: str, request: int, kind: str, **what: Any) -> None:
        holds = list(read_rows(database))
        steps.append({"person": person, "request": request, "kind": kind, **what, "holds": holds})

    try:
        await server.start()
        async with httpx.AsyncClient(base_url=server.base_url, trust_env=False) as http:
            for number, (person, text) in enumerate(questions, 1):
                request = http.build_request("POST", "/ask", json={"text": text})
                note(person, number, "request", body=json.loads(request.content))
                response = await http.send(request)
                response.raise_for_status()
                note(person, number, "response", body=response.json())
    finally:
        await server.close()
    return {"recorded_from": f"checkpoints/{STATELESS_APP.parent.name}", "steps": steps}


def record_and_write() -> dict[str, Any]:
    """Record it anew. Returns what was written. Raises StageError, StarterError."""
    starter = make_starter()
    try:
        recording = asyncio.run(record(starter))
    except Failed as error:
        raise StageError(f"{error.tried} {error.observed}") from None
    except CannotStart as error:
        raise StageError(f"The server did not start: {error}.") from None
    finally:
        starter.close()
    RECORDING.write_text(text_of_recording(recording), encoding="utf-8")
    return recording


def text_of_recording(recording: dict[str, Any]) -> str:
    """The file's text: one step on each line, so that a change can be read."""
    return _lines(recording) + "\n"


def _lines(value: Any, depth: int = 0) -> str:
    """JSON, indented down to the parts that one wants to see on a line of their own."""
    one_line = json.dumps(value, ensure_ascii=False)
    if depth == 3 or not isinstance(value, dict | list) or len(one_line) < 60:
        return one_line
    inside, outside = "\n" + "  " * (depth + 1), "\n" + "  " * depth
    if isinstance(value, list):
        return "[" + ",".join(inside + _lines(one, 3) for one in value) + outside + "]"
    parts = (f"{inside}{json.dumps(name)}: {_lines(one, depth + 1)}" for name, one in value.items())
    return "{" + ",".join(parts) + outside + "}"
