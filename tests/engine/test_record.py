"""The recording of lesson 1 is what a server really did, and can be made anew."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from chatkit.types import ChatKitReq, ThreadStreamEvent
from pydantic import TypeAdapter

from checkpoints import record as recorder
from checkpoints.engine.client import ChatKit, text_of
from checkpoints.engine.server import StudentServer
from checkpoints.engine.warm import Starter, make_starter
from checkpoints.lesson import ROOT
from checkpoints.stage import Stage, stage_settings
from shared.console import CONTENT_SECURITY_POLICY
from tests.engine.clone import SECONDS
from tests.engine.test_lesson_run import free_port

RECORDING: dict[str, Any] = json.loads(recorder.RECORDING.read_text("utf-8"))
STEPS: list[dict[str, Any]] = RECORDING["steps"]

Outline = list[tuple[object, ...]]


def outline(recording: dict[str, Any]) -> Outline:
    """Who, what, which item, and what is held and survives: all but the times."""
    lines: Outline = []
    for step in recording["steps"]:
        event = step.get("event", {})
        what = event.get("update", {}).get("type") or event.get("type") or step.get("answer")
        item = event.get("item_id") or event.get("item", {}).get("id")
        state = recording["states"][step["state"]]
        held, kept = tuple(state["holds"]), tuple(state["after_restart"])
        lines.append((step["person"], step["request"], step["kind"], what, item, held, kept))
    for step in recording["stateless"]["steps"]:
        lines.append((step["person"], step["kind"], step["body"]["text"], tuple(step["holds"])))
    return lines


def test_the_protocol_accepts_every_frame() -> None:
    event, request = TypeAdapter[Any](ThreadStreamEvent), TypeAdapter[Any](ChatKitReq)
    kinds = {step["kind"] for step in STEPS}
    assert kinds == {"request", "event", "end"}
    for step in STEPS:
        if step["kind"] == "event":
            event.validate_python(step["event"])
        if step["kind"] == "request":
            request.validate_python(step["body"])


def test_it_holds_what_lesson_1_talks_about() -> None:
    rows = RECORDING["rows"]
    messages = [row for row in rows.values() if row["type"].endswith("_message")]
    assert len(messages) == 10
    assert {(row["person"], row["type"]) for row in messages} == {
        (person, kind)
        for person in ("alice", "bob")
        for kind in ("user_message", "assistant_message")
    }
    assert [row["person"] for row in rows.values() if row["table"] == "threads"] == ["alice", "bob"]
    deltas = [(step["person"], step["event"]) for step in STEPS if step["kind"] == "event"]
    talking = [who for who, event in deltas if event.get("update", {}).get("delta")]
    turns = sum(one != other for one, other in pairwise(talking))
    assert turns > 20, "both are answered at the same time"
    assert sum(event["type"] == "progress_update" for _, event in deltas) == 50
    assert [step["answer"] for step in STEPS if step["kind"] == "end"].count("cut") == 1
    assert "task 1 of alice" in rows
    assert [step["at"] for step in STEPS] == sorted(step["at"] for step in STEPS)
    assert all(step["holds"] == [] for step in RECORDING["stateless"]["steps"])


def test_a_row_is_held_from_the_event_that_announces_it_and_not_before() -> None:
    states = RECORDING["states"]
    for before, step in zip([None, *STEPS], STEPS, strict=False):
        held = states[step["state"]]["holds"]
        earlier = states[before["state"]]["holds"] if before else []
        assert set(earlier) <= set(held)
        match step.get("event"):
            case {"type": "thread.item.done", "item": {"id": name}}:
                assert name in held
                assert name not in earlier
            case {"type": "thread.item.added", "item": {"id": name}}:
                assert name not in held
    cut = RECORDING["rows"]["msg_7"]["text"]
    streamed = "".join(
        step["event"]["update"].get("delta", "")
        for step in STEPS
        if step["kind"] == "event" and step["event"].get("item_id") == "msg_7"
    )
    assert cut == streamed


@pytest.fixture(scope="module")
def starter() -> Iterator[Starter]:
    starter = make_starter()
    yield starter
    starter.close()


@pytest.mark.slow
async def test_recorded_anew_it_is_the_same(starter: Starter) -> None:
    again = await recorder.record(starter)
    assert outline(again) == outline(RECORDING)
    assert json.loads(recorder.text_of_recording(again)) == again


class Enough(Exception):
    """So many steps are played."""


class ShortStage(Stage):
    """A stage that stops in the middle of the play."""

    last = 0

    def _note(self, *what: Any, **how: Any) -> None:
        super()._note(*what, **how)
        if len(self.steps) == self.last:
            raise Enough


@pytest.fixture
async def server(starter: Starter, tmp_path: Path) -> AsyncIterator[StudentServer]:
    settings = stage_settings(tmp_path / "chat.db", tmp_path / "clock")
    server = StudentServer(recorder.CHAT_APP, starter, settings)
    yield server
    await server.close()


@pytest.mark.slow
async def test_what_the_recording_says_of_a_restart_is_what_a_kill_leaves(
    server: StudentServer, tmp_path: Path
) -> None:
    """Kill the server for good while two answers stream, and ask the next one."""
    cut = next(number for number, step in enumerate(STEPS) if step.get("answer") == "cut")
    await server.start()
    async with AsyncExitStack() as stack:
        stage = ShortStage(server, tmp_path / "chat.db", tmp_path / "clock", stack)
        stage.last = cut - 2
        with pytest.raises(Enough):
            await recorder.play(stage)
        server.process.kill()
    await server.restart(patience=0)
    async with httpx.AsyncClient(base_url=server.base_url, trust_env=False) as http:
        alice = ChatKit(http, "/chatkit", "alice")
        threads = await alice.ask("threads.list", limit=10, order="asc")
        found = [
            (item["type"], text_of(item))
            for thread in threads["data"]
            for item in await alice.items(thread["id"])
        ]
    rows = RECORDING["rows"]
    survivors = RECORDING["states"][STEPS[cut - 3]["state"]]["after_restart"]
    told = [rows[name] for name in survivors if rows[name]["table"] == "items"]
    assert sorted(found) == sorted((row["type"], row["text"]) for row in told)
    assert len(found) == 6


@pytest.mark.slow
def test_lesson_01_shows_it_without_any_sdk() -> None:
    program = """
import sys
sys.modules["agents"] = sys.modules["chatkit"] = None
from checkpoints.cli import main
main()
"""
    port = free_port()
    shown = subprocess.Popen(
        [sys.executable, "-c", program, "lesson", "01"],
        cwd=ROOT,
        env={**os.environ, "PORT": str(port), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert shown.stdout
    try:
        said: list[str] = []
        while not said or "Ctrl-C stops." not in said[-1]:
            line = shown.stdout.readline()
            assert line, f"It ended with {shown.wait()}: {said}"
            said.append(line)
        url = f"http://127.0.0.1:{port}/"
        assert any(url in line for line in said)
        page = httpx.get(url, trust_env=False)
        assert page.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
        found = httpx.get(f"{url}console/recording.json", trust_env=False).json()
        assert found["recording"] == RECORDING
        assert found["title"].startswith("Lesson 1")
        shown.send_signal(signal.SIGINT)
        assert "Stopped." in shown.stdout.read()
        assert shown.wait(SECONDS) == 0
    finally:
        shown.kill()
        shown.wait()
        shown.stdout.close()
