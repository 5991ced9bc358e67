"""The levers change nothing but speed: the same bytes, in the same order, with the same endings."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import chatkit.agents
import pytest
from chatkit.server import ChatKitServer
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageContentPartDone,
    AssistantMessageContentPartTextDelta,
    ThreadItemUpdatedEvent,
    ThreadStreamEvent,
)

from shared import sdk
from shared.settings import SettingsError
from shared.store import SQLiteStore

ROOT = Path(__file__).parents[2]
Merge = Callable[[AsyncIterator[Any], AsyncIterator[Any]], AsyncIterator[Any]]


class Silent(ChatKitServer[Any]):
    async def respond(self, *_: Any) -> AsyncIterator[ThreadStreamEvent]:
        return
        yield


@pytest.fixture(scope="module")
def server() -> Silent:
    return Silent(SQLiteStore(":memory:"))


def delta(text: str, item_id: str = "msg_1", index: int = 0) -> ThreadItemUpdatedEvent:
    update = AssistantMessageContentPartTextDelta(content_index=index, delta=text)
    return ThreadItemUpdatedEvent(item_id=item_id, update=update)


def same(server: Silent, event: Any) -> bool:
    """Whether both ways of writing end alike: in the same bytes, or in the same error."""
    outcomes = []
    for serialise in (sdk._stock_serialise, sdk._serialise):
        try:
            outcomes.append((True, serialise(server, event)))
        except Exception as error:
            outcomes.append((False, f"{type(error)} {error}".encode()))
    return outcomes[0] == outcomes[1]


# serialise


def test_every_character_there_is_is_written_as_pydantic_writes_it(server: Silent) -> None:
    """Quotes, control characters, what lies beyond 16 bits: all of Unicode, 4096 at a time."""
    characters = [chr(number) for number in range(0x110000) if not 0xD800 <= number < 0xE000]
    for first in range(0, len(characters), 4096):
        text = "".join(characters[first : first + 4096])
        assert same(server, delta(text)), f"from {ord(text[0]):#x}"
        assert same(server, delta("", item_id=text)), f"from {ord(text[0]):#x}"


def test_any_text_is_written_as_pydantic_writes_it(server: Silent) -> None:
    chance = random.Random(2)
    alphabet = [
        "a",
        " ",
        '"',
        "\\",
        "/",
        "\n",
        "\r\n",
        "\t",
        "\0",
        "\x1f",
        "\x7f",
        "\u2028",
        "é",
        "😀",
    ]
    alphabet += [
        "data: ",
        "\n\n",
        "</script>",
        "{",
        "}",
        "%s",
        "{0}",
        "e\u0301",
        "\ufeff",
        "\uffff",
    ]
    for _ in range(5000):
        text = "".join(chance.choices(alphabet, k=chance.randrange(12)))
        name = "".join(chance.choices(alphabet, k=chance.randrange(3)))
        index = chance.choice([0, 1, 17, -1, 2**31, 2**70])
        assert same(server, delta(text, name, index)), (text, name, index)


@pytest.mark.parametrize("text", ["\ud800", "a\udfff", "\ud83d\ude00"])
def test_half_a_surrogate_pair_ends_as_pydantic_ends_it(server: Silent, text: str) -> None:
    event = delta("")
    event.update.delta = text  # type: ignore[union-attr]
    assert same(server, event)


def test_what_is_no_plain_delta_is_left_to_pydantic(server: Silent) -> None:
    class Louder(ThreadItemUpdatedEvent):
        volume: int = 11

    class Deeper(AssistantMessageContentPartTextDelta):
        depth: int = 3

    deeper = delta("x")
    deeper.update = Deeper(content_index=0, delta="x")
    whole = AssistantMessageContentPartDone(
        content_index=0, content=AssistantMessageContent(text="x")
    )
    for event in (
        Louder(item_id="msg_1", update=delta("x").update),
        deeper,
        ThreadItemUpdatedEvent(item_id="msg_1", update=whole),
        whole,
    ):
        assert same(server, event)


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@pytest.mark.parametrize("value", [True, 1.5, "1", None])
def test_a_field_of_another_type_is_left_to_pydantic(server: Silent, value: object) -> None:
    for field in ("content_index", "delta"):
        event = delta("x")
        setattr(event.update, field, value)
        assert same(server, event)
    event = delta("x")
    event.item_id = value  # type: ignore[assignment]
    assert same(server, event)


# merge: what holds for the SDK's own way holds for ours


def _stock_merge() -> Merge:
    """The SDK's own, from a second copy of its module: the first may be adjusted by now."""
    spec = importlib.util.find_spec("chatkit.agents")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    merge: Merge = module._merge_generators
    return merge


@pytest.fixture(params=["stock", "lever"], scope="module")
def merge(request: pytest.FixtureRequest) -> Merge:
    return sdk._merge if request.param == "lever" else _stock_merge()


class Source:
    """Says what it is given, and knows how it was treated."""

    def __init__(self) -> None:
        self.given: asyncio.Queue[Any] = asyncio.Queue()
        self.asked = 0
        self.ended = ""

    def say(self, *events: Any) -> None:
        for event in events:
            self.given.put_nowait(event)

    async def events(self) -> AsyncIterator[Any]:
        try:
            while True:
                self.asked += 1
                event = await self.given.get()
                if event == "end":
                    break
                if isinstance(event, BaseException):
                    raise event
                yield event
            self.ended = "by itself"
        except BaseException as error:
            self.ended = type(error).__name__
            raise


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)


async def read_one(events: AsyncIterator[Any]) -> Any:
    return await anext(events)


async def read_all(events: AsyncIterator[Any]) -> list[Any]:
    return [event async for event in events]


async def test_events_come_in_the_order_in_which_they_happen(merge: Merge) -> None:
    sources = Source(), Source()
    merged = merge(sources[0].events(), sources[1].events())
    chance = random.Random(1)
    for event in range(300):
        chance.choice(sources).say(event)
        assert await anext(merged) == event
    sources[0].say("end")
    assert [event async for event in merged] == []


async def test_each_source_keeps_its_order(merge: Merge) -> None:
    first, second = Source(), Source()
    first.say(*(f"a{number}" for number in range(100)))
    second.say(*(f"b{number}" for number in range(100)))
    seen = []
    async for event in merge(first.events(), second.events()):
        seen.append(event)
        if len(seen) == 200:
            second.say("end")
    assert [event for event in seen if event[0] == "a"] == [f"a{n}" for n in range(100)]
    assert [event for event in seen if event[0] == "b"] == [f"b{n}" for n in range(100)]


async def test_a_source_is_asked_only_when_the_reader_is_done(merge: Merge) -> None:
    """The Agents SDK begins the next turn of a run when the events of the last one are read."""
    first, second = Source(), Source()
    first.say("one", "two")
    merged = merge(first.events(), second.events())
    assert await anext(merged) == "one"
    await settle()
    assert first.asked == 1
    assert await anext(merged) == "two"
    assert first.asked == 2
    first.say("end")
    assert [event async for event in merged] == []


@pytest.mark.parametrize("ending", [0, 1])
async def test_the_end_of_one_ends_both(merge: Merge, ending: int) -> None:
    sources = Source(), Source()
    merged = merge(sources[0].events(), sources[1].events())
    sources[0].say("one")
    assert await anext(merged) == "one"
    sources[ending].say("end")
    assert [event async for event in merged] == []
    await settle()
    assert sources[ending].ended == "by itself"
    assert sources[1 - ending].ended == "CancelledError"


@pytest.mark.parametrize("ticks", range(8))
@pytest.mark.parametrize("ending", [0, 1])
async def test_an_event_beside_the_end_is_not_lost(merge: Merge, ending: int, ticks: int) -> None:
    """What was taken from a source reaches the reader, however close to the end it comes."""
    sources = Source(), Source()
    reading = asyncio.create_task(read_all(merge(sources[0].events(), sources[1].events())))
    await settle()
    sources[ending].say("end")
    for _ in range(ticks):
        await asyncio.sleep(0)
    sources[1 - ending].say("last")
    seen = await reading
    await settle()
    assert seen == (["last"] if sources[1 - ending].given.empty() else [])


@pytest.mark.parametrize("error", [ValueError("no"), asyncio.CancelledError("stop")])
@pytest.mark.parametrize("raising", [0, 1])
async def test_what_a_source_raises_reaches_the_reader(
    merge: Merge, raising: int, error: BaseException
) -> None:
    sources = Source(), Source()
    merged = merge(sources[0].events(), sources[1].events())
    sources[raising].say("one", error)
    assert await anext(merged) == "one"
    with pytest.raises(type(error)):
        await anext(merged)
    with pytest.raises(StopAsyncIteration):
        await anext(merged)
    sources[1 - raising].say("end")
    await settle()


async def test_a_reader_who_is_cancelled_stops_no_source(merge: Merge) -> None:
    """That is lesson 3's matter: an agent's run goes on until somebody cancels it."""
    first, second = Source(), Source()
    reading = asyncio.create_task(read_one(merge(first.events(), second.events())))
    await settle()
    reading.cancel()
    await asyncio.wait([reading])
    del reading  # its traceback would keep the merged events
    await settle()
    assert not first.ended
    assert not second.ended
    first.say("one", "two")
    second.say("three", "four")
    await settle()
    assert (first.asked, second.asked) == (1, 1), "nobody reads any more"
    assert (first.ended, second.ended) == ("GeneratorExit", "GeneratorExit"), "both are closed"


@pytest.mark.parametrize("unread", [False, True])
async def test_a_reader_who_turns_away_stops_no_source(merge: Merge, unread: bool) -> None:
    first, second = Source(), Source()
    first.say("one", "two")
    merged = merge(first.events(), second.events())
    assert await anext(merged) == "one"
    if unread:
        second.say("three")
        await settle()
    await merged.aclose()  # type: ignore[attr-defined]
    del merged
    await settle()
    assert unread or not second.ended
    second.say("four")
    await settle()
    assert (first.asked, second.asked) == (1, 1)
    assert (first.ended, second.ended) == ("GeneratorExit", "GeneratorExit")


async def test_sources_see_the_readers_context_variables(merge: Merge) -> None:
    speaker: ContextVar[str] = ContextVar("speaker", default="nobody")

    async def events() -> AsyncIterator[str]:
        for _ in range(3):
            await asyncio.sleep(0)
            yield speaker.get()

    speaker.set("you")
    assert [event async for event in merge(events(), Source().events())] == ["you"] * 3


# Whole turns, with the levers and without

TURNS = """
import asyncio, json, os, re, sys
import chatkit.agents, chatkit.server
from app.server import TaskServer
from shared import sdk
from shared.context import RequestContext
from shared.database import Database
from shared.store import SQLiteStore
from shared.task_manager import TaskStorage, task_manager

sdk.adjust()
pulled = {
    "parser": chatkit.server.TypeAdapter is sdk._KeptTypeAdapter,
    "serialise": chatkit.server.ChatKitServer._serialize is sdk._serialise,
    "merge": chatkit.agents._merge_generators is sdk._merge,
}
names = {}

def same_names(frame):
    # Ids and times are new in each run: let equal ones stay equal.
    frame = re.sub(r"(thr|msg|tc|fc|call)_[0-9a-f]{32}",
                   lambda found: names.setdefault(found[0], f"{found[1]}_{len(names)}"), frame)
    return re.sub(r'"created_at":"[^"]+"', '"created_at":"now"', frame)

async def turns():
    database = Database(":memory:")
    server = TaskServer(SQLiteStore(database), task_manager(TaskStorage(database)))
    frames = []
    for text in json.loads(sys.argv[1]):
        body = json.dumps({"type": "threads.create", "params": {"input": {
            "content": [{"type": "input_text", "text": text}],
            "attachments": [], "inference_options": {},
        }}})
        result = await server.process(body, RequestContext("you"))
        frames += [same_names(frame.decode()) async for frame in result]
    await database.close()
    return frames

print(json.dumps({"pulled": pulled, "frames": asyncio.run(turns())}))
"""
SAID = [
    "tell me a long story",
    'say "\\quoted\\" 😀 \u0000\u001f\u2028 </script> é',
    "add buy milk",
    "show my tasks",
    "count to 40",
]


def turns(without: str) -> dict[str, Any]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TURNS, json.dumps(SAID)],
        cwd=ROOT,
        env={
            **kept,
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'checkpoints' / 'L02'}",
            "CHATKIT_MODEL": "offline",
            "CHATKIT_PACE": "0",
            "CHATKIT_WITHOUT": without,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_whole_turns_are_the_same_with_and_without() -> None:
    plain, levered = turns(",".join(sdk.LEVERS)), turns("")
    assert plain["pulled"] == dict.fromkeys(sdk.LEVERS, False)
    assert levered["pulled"] == dict.fromkeys(sdk.LEVERS, True)
    assert len(plain["frames"]) > 300
    assert plain["frames"] == levered["frames"]


def test_one_lever_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATKIT_WITHOUT", " merge , ")
    assert sdk._left_out() == {"merge"}


def test_a_lever_that_there_is_not_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATKIT_WITHOUT", "parser,turbo")
    with pytest.raises(SettingsError, match="names turbo, and there is no such lever"):
        sdk.adjust()


def test_the_sdk_still_calls_what_the_levers_replace() -> None:
    """Otherwise they would change nothing, and nobody would notice."""
    assert "_merge_generators" in chatkit.agents.stream_agent_response.__code__.co_names
    assert "_serialize" in ChatKitServer._process_streaming.__code__.co_names
    assert "TypeAdapter" in ChatKitServer.process.__code__.co_names
