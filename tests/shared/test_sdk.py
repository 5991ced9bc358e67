"""The SDK's adjustments: what they do, and whether the pinned version still needs them.

Where `test_the_sdk_still_needs_…` fails, a newer SDK does it right: take that adjustment out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

LOOK = """
import asyncio, json, sys
from datetime import UTC, datetime, timedelta
import agents, chatkit.server, pydantic
from agents.tracing.traces import NoOpTrace
from chatkit.agents import AgentContext
from chatkit.server import ChatKitServer
from chatkit.types import ThreadMetadata, Workflow, WorkflowItem
from shared import clock, sdk
from shared.context import RequestContext
from shared.store import SQLiteStore

if "adjusted" in sys.argv:
    sdk.adjust()
    sdk.adjust()  # a second router does no harm

class Silent(ChatKitServer):
    async def respond(self, thread, input_user_message, context):
        return
        yield

built = []
build = pydantic.TypeAdapter.__init__
pydantic.TypeAdapter.__init__ = lambda self, *kind, **how: (
    built.append(kind), build(self, *kind, **how)
)[1]

async def look():
    server = Silent(SQLiteStore(":memory:"))
    body = json.dumps({"type": "threads.create", "params": {"input": {
        "content": [{"type": "input_text", "text": "hi"}], "attachments": [], "inference_options": {},
    }}})
    for _ in range(3):
        events = [event async for event in await server.process(body, RequestContext("you"))]
    created = json.loads(events[0].removeprefix(b"data: "))["thread"]["created_at"]
    thread = ThreadMetadata(id="thr_1", created_at=clock.now())
    context = AgentContext(thread=thread, store=server.store, request_context=RequestContext("you"))
    context.workflow_item = WorkflowItem(
        id="wf_1", thread_id="thr_1", created_at=clock.now(), workflow=Workflow(type="custom", tasks=[])
    )
    try:
        await context.end_workflow()
        workflow = "ended"
    except TypeError as error:
        workflow = str(error)
    await server.store.database.close()
    return {
        "adapters": len(built),
        "created": created,
        "workflow": workflow,
        "traced": not isinstance(agents.trace("turn"), NoOpTrace),
    }

print(json.dumps(asyncio.run(look())))
"""


def look(*arguments: str, **environment: str) -> dict[str, Any]:
    """What a fresh process sees of the SDK: the adjustments last as long as a process."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOOK, *arguments],
        cwd=ROOT,
        env={**kept, "OPENAI_API_KEY": "sk-none", "TZ": "Asia/Tokyo", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def plain() -> dict[str, Any]:
    """The SDK as it comes."""
    return look()


@pytest.fixture(scope="module")
def adjusted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The SDK with the adjustments, and a clock that is far ahead."""
    clock = tmp_path_factory.mktemp("clock") / "clock"
    clock.write_text("3600000000")
    return look("adjusted", CHATKIT_CLOCK=str(clock))


def test_the_request_parser_is_built_once(adjusted: dict[str, Any]) -> None:
    assert adjusted["adapters"] == 1


def test_times_are_utc_and_from_the_clock(adjusted: dict[str, Any]) -> None:
    assert adjusted["created"].endswith("Z")
    assert adjusted["created"] > "2100", "the clock stands 114 years ahead"


def test_a_workflow_with_such_times_comes_to_its_end(adjusted: dict[str, Any]) -> None:
    assert adjusted["workflow"] == "ended"


def test_no_trace_leaves_the_machine_unless_asked_for(adjusted: dict[str, Any]) -> None:
    assert not adjusted["traced"]
    # As in a process that was forked from one with tracing switched off.
    assert look("adjusted", CHATKIT_TRACING="1", OPENAI_AGENTS_DISABLE_TRACING="1")["traced"]


def test_the_sdk_still_needs_a_kept_parser(plain: dict[str, Any]) -> None:
    assert plain["adapters"] == 3


def test_the_sdk_still_needs_another_clock(plain: dict[str, Any]) -> None:
    assert not plain["created"].endswith("Z")
    assert "offset-naive and offset-aware" in plain["workflow"]


def test_the_sdk_still_needs_to_be_told_not_to_trace(plain: dict[str, Any]) -> None:
    assert plain["traced"]
