"""Real models, through the real openai client, against a local server that speaks both formats."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import agents
import openai
import pytest
from agents import Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, function_tool
from agents.models.fake_id import FAKE_RESPONSES_ID
from agents.tracing import get_trace_provider
from chatkit.agents import AgentContext, ThreadItemConverter, stream_agent_response
from chatkit.server import ChatKitServer, StreamingResult
from chatkit.store import NotFoundError, Store
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    Attachment,
    InferenceOptions,
    Page,
    ThreadItem,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
    UserMessageTextContent,
)

from checkpoints.engine.provider import CallTools, Fail, Gate, Message, Provider, Say, ToolUse
from shared.models import describe_model, get_model
from shared.models.compatible import CompatibleModel
from shared.models.offline import OfflineModel
from shared.settings import Settings

WIRES = ["responses", "chat"]


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider() as provider:
        yield provider


def model(provider: Provider, wire: str) -> agents.Model:
    """What `get_model` makes for the wire, with the double in the place of OpenAI."""
    if wire == "chat":
        return get_model(Settings(base_url=provider.base_url, model="m"))
    real = get_model(Settings(api_key="key", model="m"))
    assert isinstance(real, OpenAIResponsesModel)
    real._client = real._client.copy(base_url=provider.base_url)
    return real


def stock(provider: Provider) -> OpenAIChatCompletionsModel:
    client = openai.AsyncOpenAI(base_url=provider.base_url, api_key="key")
    return OpenAIChatCompletionsModel("m", client)


async def run(agent: Agent, given: Any, *, streamed: bool) -> tuple[Any, list[Any]]:
    """The finished run, and its raw events where it was streamed."""
    if not streamed:
        return await Runner.run(agent, given), []
    result = Runner.run_streamed(agent, given)
    events = [event async for event in result.stream_events()]
    return result, [event.data for event in events if event.type == "raw_response_event"]


def ids(result: Any) -> list[str]:
    return [item.id for response in result.raw_responses for item in response.output]


def adder() -> agents.Tool:
    @function_tool
    def add(a: int, b: int) -> str:
        """Add."""
        return f"{a + b}"

    return add


def history() -> list[ThreadItem]:
    def said(item_id: str, text: str) -> UserMessageItem:
        return UserMessageItem(
            id=item_id,
            thread_id="t",
            created_at=datetime.now(),
            content=[UserMessageTextContent(text=text)],
            attachments=[],
            inference_options=InferenceOptions(),
        )

    answer = AssistantMessageItem(
        id="a1",
        thread_id="t",
        created_at=datetime.now(),
        content=[AssistantMessageContent(text="It is "), AssistantMessageContent(text="hot.")],
    )
    return [said("u1", "Is tea hot?"), answer, said("u2", "And ice?")]


# What the settings ask for


def test_without_key_and_base_url_the_model_is_the_offline_one() -> None:
    settings = Settings(words_per_second=7, context_window=99)
    offline = get_model(settings)
    assert isinstance(offline, OfflineModel)
    assert (offline.words_per_second, offline.context_window) == (7, 99)
    assert isinstance(get_model(Settings(api_key="key", model="offline")), OfflineModel)
    assert describe_model(settings) == "the offline model: no key, no network"


def test_a_key_alone_means_openai_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    settings = Settings(api_key="key", model="gpt-x")
    real = get_model(settings)
    assert isinstance(real, OpenAIResponsesModel)
    assert str(real._client.base_url) == "https://api.openai.com/v1/"
    assert describe_model(settings) == "gpt-x at OpenAI (your OPENAI_API_KEY)"


def test_a_base_url_means_a_compatible_server_with_or_without_a_key() -> None:
    settings = Settings(base_url="http://localhost:11434/v1", model="llama")
    real = get_model(settings)
    assert isinstance(real, CompatibleModel)
    assert real.model == "llama"
    assert isinstance(get_model(replace(settings, api_key="key")), CompatibleModel)
    assert describe_model(settings) == "llama at http://localhost:11434/v1"


def test_without_a_name_the_model_is_the_sdks_own_default() -> None:
    real = get_model(Settings(api_key="key"))
    assert isinstance(real, OpenAIResponsesModel)
    assert real.model == agents.models.get_default_model()
    assert describe_model(Settings(api_key="key")).startswith(f"{real.model} at ")


def test_nothing_is_traced_unless_asked_for() -> None:
    try:
        agents.set_tracing_disabled(False)
        get_model(Settings(tracing=True))
        assert get_trace_provider().create_trace("t").export() is not None
        get_model(Settings())
        assert get_trace_provider().create_trace("t").export() is None
    finally:
        agents.set_tracing_disabled(True)


# Both wires, streamed and not


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("streamed", [False, True])
async def test_text(provider: Provider, wire: str, streamed: bool) -> None:
    provider.reply(lambda call: Say("Tea is hot."))
    agent = Agent("a", instructions="Be brief.", model=model(provider, wire))
    result, events = await run(agent, "Is tea hot?", streamed=streamed)
    assert result.final_output == "Tea is hot."
    [call] = provider.calls
    assert (call.wire, call.streamed) == (wire, streamed)
    assert call.messages == [Message("system", "Be brief."), Message("user", "Is tea hot?")]
    if streamed:
        deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
        assert deltas == ["Tea ", "is ", "hot."]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_tool_call_and_the_turn_after_it(
    provider: Provider, wire: str, streamed: bool
) -> None:
    provider.reply(
        lambda call: (
            Say(f"It is {call.tool_outputs[0].output}.")
            if call.tool_outputs
            else CallTools([ToolUse("add", {"a": 2, "b": 2}), ToolUse("add", {"a": 1, "b": 1})])
        )
    )
    agent = Agent("a", model=model(provider, wire), tools=[adder()])
    result, _ = await run(agent, "2+2?", streamed=streamed)
    assert result.final_output == "It is 4."
    assert [call.tool_names for call in provider.calls] == [["add"], ["add"]]
    assert [output.output for output in provider.calls[1].tool_outputs] == ["4", "2"]
    assert len(set(ids(result))) == 3
    assert FAKE_RESPONSES_ID not in ids(result)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("streamed", [False, True])
async def test_two_turns_have_different_item_ids(
    provider: Provider, wire: str, streamed: bool
) -> None:
    agent = Agent("a", model=model(provider, wire))
    first, _ = await run(agent, "one", streamed=streamed)
    second, _ = await run(agent, "two", streamed=streamed)
    assert ids(first) != ids(second)
    assert ids(first)[0].startswith("msg_")


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("tools", [False, True])
async def test_an_item_keeps_its_id_from_the_first_event_to_the_last(
    provider: Provider, wire: str, tools: bool
) -> None:
    if tools:
        made = CallTools([ToolUse("add", {"a": 2, "b": 2}), ToolUse("add", {"a": 1, "b": 1})])
        provider.reply(lambda call: None if call.tool_outputs else made)
    agent = Agent("a", model=model(provider, wire), tools=[adder()])
    result, events = await run(agent, "hi", streamed=True)
    turns: list[dict[int, set[str]]] = []
    for event in events:
        if event.type == "response.created":
            turns.append({})
        elif hasattr(event, "item"):
            turns[-1].setdefault(event.output_index, set()).add(event.item.id)
        elif hasattr(event, "item_id"):
            turns[-1].setdefault(event.output_index, set()).add(event.item_id)
        elif event.type == "response.completed":
            for index, item in enumerate(event.response.output):
                turns[-1].setdefault(index, set()).add(item.id)
    seen = [found for turn in turns for found in turn.values()]
    assert all(len(found) == 1 for found in seen)
    assert [found.pop() for found in seen] == ids(result)
    assert len(set(ids(result))) == (3 if tools else 1)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("typed", [False, True])
async def test_assistant_history_arrives_as_assistant_messages(
    provider: Provider, wire: str, streamed: bool, typed: bool
) -> None:
    given: list[Any] = await ThreadItemConverter().to_agent_input(history())
    if not typed:  # the same without "type": "message", as students write it by hand
        given = [{key: item[key] for key in ("role", "content")} for item in given]
    await run(Agent("a", model=model(provider, wire)), given, streamed=streamed)
    assert provider.calls[0].messages == [
        Message("user", "Is tea hot?"),
        Message("assistant", "It is hot."),
        Message("user", "And ice?"),
    ]
    assert given[1]["content"][0]["text"] == "It is ", "the caller's list is left as it was"


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_run_can_go_on_from_its_own_items(
    provider: Provider, wire: str, streamed: bool
) -> None:
    made = CallTools([ToolUse("add", {"a": 2, "b": 2})])
    provider.reply(lambda call: None if call.tool_outputs else made)
    agent = Agent("a", model=model(provider, wire), tools=[adder()])
    first, _ = await run(agent, "2+2?", streamed=streamed)
    provider.reply(lambda call: Say("Bye."))
    given = [*first.to_input_list(), {"role": "user", "content": "Bye"}]
    second, _ = await run(agent, given, streamed=streamed)
    assert second.final_output == "Bye."
    assert provider.calls[-1].messages == [
        Message("user", "2+2?"),
        Message("assistant", "ok"),
        Message("user", "Bye"),
    ]


async def test_a_turn_that_called_a_tool_before_it_spoke_stays_one_message(
    provider: Provider,
) -> None:
    """Chat Completions wants a tool's output right after the message that called it."""
    given: list[Any] = [
        {"role": "user", "content": "2+2?"},
        {"type": "function_call", "call_id": "c1", "name": "add", "arguments": "{}", "id": "fc_1"},
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Let me see.", "annotations": []}],
        },
        {"type": "function_call_output", "call_id": "c1", "output": "4"},
    ]
    result, _ = await run(Agent("a", model=model(provider, "chat")), given, streamed=False)
    assert result.final_output == "ok"
    assert Message("assistant", "Let me see.") in provider.calls[0].messages


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_providers_error_surfaces(provider: Provider, wire: str, streamed: bool) -> None:
    provider.reply(lambda call: Fail(400, "context_length_exceeded", "maximum context length"))
    agent = Agent("a", model=model(provider, wire))
    with pytest.raises(openai.BadRequestError, match="maximum context length") as error:
        await run(agent, "hi", streamed=streamed)
    assert error.value.code == "context_length_exceeded"


@pytest.mark.parametrize("wire", WIRES)
async def test_cancelling_a_run_hangs_up_on_the_provider(provider: Provider, wire: str) -> None:
    gate = Gate()
    gate.allow(2)
    provider.reply(lambda call: Say("one two three", gate))
    result = Runner.run_streamed(Agent("a", model=model(provider, wire)), "hi")
    read = 0
    async for event in result.stream_events():
        if event.type == "raw_response_event" and event.data.type.endswith("text.delta"):
            read += 1
            if read == 2:
                result.cancel()
    [call] = provider.calls
    await asyncio.wait_for(call.ended.wait(), 30)
    assert (call.sent, call.aborted) == (2, True)


# The faults of the SDK's own class. When one of these fails, upstream has mended it, and
# `shared.models.compatible` can lose that half.


@pytest.mark.parametrize("streamed", [False, True])
async def test_the_sdks_own_class_gives_every_item_the_same_id(
    provider: Provider, streamed: bool
) -> None:
    agent = Agent("a", model=stock(provider))
    first, _ = await run(agent, "one", streamed=streamed)
    second, _ = await run(agent, "two", streamed=streamed)
    assert ids(first) == ids(second) == [FAKE_RESPONSES_ID]


async def test_the_sdks_own_class_refuses_chatkits_assistant_history(provider: Provider) -> None:
    given: list[Any] = await ThreadItemConverter().to_agent_input(history())
    with pytest.raises(agents.UserError, match="Unknown content"):
        await run(Agent("a", model=stock(provider)), given, streamed=False)
    assert provider.calls == []


# The whole path: ChatKitServer, stream_agent_response, and the two wires


class ListStore(Store[None]):
    """The least of a store: one process's lists."""

    def __init__(self) -> None:
        self.threads: dict[str, ThreadMetadata] = {}
        self.items: dict[str, ThreadItem] = {}

    async def load_thread(self, thread_id: str, context: None) -> ThreadMetadata:
        if thread_id not in self.threads:
            raise NotFoundError(thread_id)
        return self.threads[thread_id]

    async def save_thread(self, thread: ThreadMetadata, context: None) -> None:
        self.threads[thread.id] = thread

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: None
    ) -> Page[ThreadItem]:
        items = list(self.items.values())
        return Page(data=(items if order == "asc" else items[::-1])[:limit])

    async def add_thread_item(self, thread_id: str, item: ThreadItem, context: None) -> None:
        self.items[item.id] = item

    async def save_item(self, thread_id: str, item: ThreadItem, context: None) -> None:
        self.items[item.id] = item

    async def load_threads(
        self, limit: int, after: str | None, order: str, context: None
    ) -> Page[ThreadMetadata]:
        raise NotImplementedError

    async def load_item(self, thread_id: str, item_id: str, context: None) -> ThreadItem:
        raise NotImplementedError

    async def delete_thread(self, thread_id: str, context: None) -> None:
        raise NotImplementedError

    async def delete_thread_item(self, thread_id: str, item_id: str, context: None) -> None:
        raise NotImplementedError

    async def save_attachment(self, attachment: Attachment, context: None) -> None:
        raise NotImplementedError

    async def load_attachment(self, attachment_id: str, context: None) -> Attachment:
        raise NotImplementedError

    async def delete_attachment(self, attachment_id: str, context: None) -> None:
        raise NotImplementedError


class Chat(ChatKitServer[None]):
    """Answers with an agent that sees the whole thread."""

    def __init__(self, model: agents.Model) -> None:
        super().__init__(ListStore())
        self.agent = Agent("a", model=model, tools=[adder()])

    async def respond(
        self, thread: ThreadMetadata, input_user_message: UserMessageItem | None, context: None
    ) -> AsyncIterator[ThreadStreamEvent]:
        page = await self.store.load_thread_items(thread.id, None, 50, "asc", context)
        result = Runner.run_streamed(
            self.agent, await ThreadItemConverter().to_agent_input(page.data)
        )
        about = AgentContext(thread=thread, store=self.store, request_context=context)
        async for event in stream_agent_response(about, result):
            yield event

    async def turn(self, text: str, thread_id: str | None = None) -> list[dict[str, Any]]:
        """One request, and the events of its answer."""
        content = [{"type": "input_text", "text": text}]
        given = {"content": content, "attachments": [], "inference_options": {}}
        params = {"thread_id": thread_id, "input": given} if thread_id else {"input": given}
        kind = "threads.add_user_message" if thread_id else "threads.create"
        result = await self.process(json.dumps({"type": kind, "params": params}), None)
        assert isinstance(result, StreamingResult)
        return [json.loads(frame.removeprefix(b"data: ")) async for frame in result]


def texts(events: Sequence[dict[str, Any]], kind: str) -> list[str]:
    """The text of each assistant message that has an event of this kind."""
    return [
        "".join(part["text"] for part in event["item"]["content"])
        for event in events
        if event["type"] == kind and event["item"]["type"] == "assistant_message"
    ]


@pytest.mark.parametrize("wire", [*WIRES, "offline"])
async def test_the_whole_path(provider: Provider, wire: str) -> None:
    provider.reply(
        lambda call: (
            Say(f"It is {call.tool_outputs[-1].output}.")
            if call.tool_outputs
            else CallTools([ToolUse("add", {"a": 2, "b": 2})])
            if "2" in call.user_texts[-1]
            else Say("You asked about tea.")
        )
    )
    offline = OfflineModel(0)
    chat = Chat(offline if wire == "offline" else model(provider, wire))
    first = await chat.turn('add {"a": 2, "b": 2}')
    second = await chat.turn("What did I ask earlier?", first[0]["thread"]["id"])

    assert [event for event in (*first, *second) if event["type"] == "error"] == []
    [one], [two] = texts(first, "thread.item.done"), texts(second, "thread.item.done")
    if wire == "offline":
        assert one == "4"
        assert two == 'Earlier you wrote: “add {"a": 2, "b": 2}”'
    else:
        assert (one, two) == ("It is 4.", "You asked about tea.")
        assert provider.calls[-1].messages[-2] == Message("assistant", "It is 4.")
    deltas = [
        event["update"]["delta"]
        for event in second
        if event["type"] == "thread.item.updated" and "delta" in event["update"]
    ]
    assert len(deltas) > 1
    assert "".join(deltas) == two
    stored = (await chat.store.load_thread_items("t", None, 50, "asc", None)).data
    assert [item.type for item in stored] == ["user_message", "assistant_message"] * 2
