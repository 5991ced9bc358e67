"""The model double speaks both wire formats as OpenAI does, and answers what a test tells it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest

from checkpoints.engine.provider import (
    Call,
    CallTools,
    Fail,
    Gate,
    Message,
    Provider,
    Say,
    ToolOutput,
    ToolUse,
)

WIRES = ["responses", "chat"]
SUM = ToolUse("add", {"a": 1, "b": "zwei €"})


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider() as provider:
        yield provider


@pytest.fixture
async def http(provider: Provider) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=provider.base_url, timeout=30) as client:
        yield client


@pytest.fixture
async def client(provider: Provider) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=provider.base_url, api_key="key") as client:
        yield client


def request(wire: str, text: str = "hi", **more: Any) -> tuple[str, dict[str, Any]]:
    """Path and body of the smallest request."""
    if wire == "responses":
        return "/responses", {"model": "m", "input": text, **more}
    return "/chat/completions", {
        "model": "m",
        "messages": [{"role": "user", "content": text}],
        **more,
    }


async def post(http: httpx.AsyncClient, wire: str, **more: Any) -> httpx.Response:
    path, body = request(wire, **more)
    return await http.post(path, json=body)


async def deltas(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    """The text chunks of a stream in either format."""
    async for line in lines:
        if not line.startswith("data: {"):
            continue
        event = json.loads(line.removeprefix("data: "))
        if event.get("type") == "response.output_text.delta":
            yield event["delta"]
        for choice in event.get("choices", []):
            if choice["delta"].get("content"):
                yield choice["delta"]["content"]


# With the real openai client


async def test_a_response(provider: Provider, client: openai.AsyncOpenAI) -> None:
    provider.reply(lambda call: Say("Four is it."))
    response = await client.responses.create(model="m", input="2+2?", instructions="Be brief.")
    assert response.output_text == "Four is it."
    assert response.status == "completed"
    assert response.usage
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens
    [call] = provider.calls
    assert (call.wire, call.streamed, call.sent, call.aborted) == ("responses", False, 3, False)
    assert call.headers["authorization"] == "Bearer key"


async def test_a_streamed_response(provider: Provider, client: openai.AsyncOpenAI) -> None:
    provider.reply(lambda call: Say("Four is it."))
    async with client.responses.stream(model="m", input="2+2?") as stream:
        events = [event async for event in stream]
        final = await stream.get_final_response()
    assert [event.delta for event in events if event.type == "response.output_text.delta"] == [
        "Four ",
        "is ",
        "it.",
    ]
    assert final.output_text == "Four is it."
    assert [event.sequence_number for event in events if hasattr(event, "sequence_number")]


async def test_a_response_with_tool_calls(provider: Provider, client: openai.AsyncOpenAI) -> None:
    provider.reply(lambda call: CallTools([SUM, ToolUse("now", {})]))
    whole = await client.responses.create(model="m", input="hi")
    async with client.responses.stream(model="m", input="hi") as stream:
        async for _ in stream:
            pass
        streamed = await stream.get_final_response()
    ids = set()
    for response in (whole, streamed):
        calls = [item for item in response.output if item.type == "function_call"]
        assert [(call.name, json.loads(call.arguments)) for call in calls] == [SUM, ("now", {})]
        ids |= {call.id for call in calls}
    assert len(ids) == 4


async def test_a_chat_completion(provider: Provider, client: openai.AsyncOpenAI) -> None:
    provider.reply(lambda call: Say("Four is it."))
    completion = await client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "2+2?"}]
    )
    assert completion.choices[0].message.content == "Four is it."
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage


async def test_a_streamed_chat_completion(provider: Provider, client: openai.AsyncOpenAI) -> None:
    provider.reply(lambda call: Say("Four is it."))
    stream = await client.chat.completions.create(
        model="m",
        messages=[{"role": "user", "content": "2+2?"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    texts = [chunk.choices[0].delta.content for chunk in chunks[1:-2]]
    assert texts == ["Four ", "is ", "it."]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage


async def test_usage_is_streamed_only_where_it_is_asked_for(
    provider: Provider, client: openai.AsyncOpenAI
) -> None:
    stream = await client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "hi"}], stream=True
    )
    assert [chunk.usage async for chunk in stream] == [None, None, None]


async def test_a_chat_completion_with_tool_calls(
    provider: Provider, client: openai.AsyncOpenAI
) -> None:
    provider.reply(lambda call: CallTools([SUM, ToolUse("now", {})]))
    whole = await client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "hi"}]
    )
    assert whole.choices[0].finish_reason == "tool_calls"
    called = [call.function for call in whole.choices[0].message.tool_calls or []]  # type: ignore[union-attr]
    assert [(use.name, json.loads(use.arguments)) for use in called] == [SUM, ("now", {})]

    async with client.chat.completions.stream(
        model="m", messages=[{"role": "user", "content": "hi"}]
    ) as stream:
        streamed = await stream.get_final_completion()
    called = [call.function for call in streamed.choices[0].message.tool_calls or []]
    assert [(use.name, json.loads(use.arguments)) for use in called] == [SUM, ("now", {})]


async def test_models_are_listed(client: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in client.models.list()] == ["double"]


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_failure_is_the_clients_own_error_and_is_not_retried(
    provider: Provider, client: openai.AsyncOpenAI, streamed: bool
) -> None:
    provider.reply(lambda call: Fail(429, "rate_limit_exceeded", "Slow down."))
    with pytest.raises(openai.RateLimitError, match="Slow down") as error:
        await client.responses.create(model="m", input="hi", stream=streamed)
    assert error.value.code == "rate_limit_exceeded"
    assert len(provider.calls) == 1
    assert provider.calls[0].ended.is_set()


async def test_a_failure_may_invite_a_retry(provider: Provider, client: openai.AsyncOpenAI) -> None:
    provider.reply(
        lambda call: Fail(400, None, "Try again.", retry=True) if len(provider.calls) < 2 else None
    )
    response = await client.responses.create(model="m", input="hi")
    assert response.output_text == "ok"


# Rules and records


@pytest.mark.parametrize("wire", WIRES)
async def test_rules_are_tried_from_the_newest_and_pass_on(
    provider: Provider, http: httpx.AsyncClient, wire: str
) -> None:
    async def said(text: str) -> str:
        response = (await post(http, wire, text=text)).json()
        if wire == "chat":
            return str(response["choices"][0]["message"]["content"])
        return str(response["output"][0]["content"][0]["text"])

    assert await said("a") == "ok"
    provider.reply(lambda call: Say("old"))
    provider.reply(lambda call: Say("new") if call.user_texts == ["a"] else None)
    assert [await said("a"), await said("b")] == ["new", "old"]
    provider.forget()
    assert provider.calls == []
    assert await said("a") == "ok"


@pytest.mark.parametrize("wire", WIRES)
async def test_a_rule_that_raises_is_told_to_the_client(
    provider: Provider, http: httpx.AsyncClient, wire: str
) -> None:
    provider.reply(lambda call: Say(call.tool_outputs[0].output))
    response = await post(http, wire)
    assert response.status_code == 500
    assert "IndexError" in response.json()["error"]["message"]


async def test_a_call_reads_alike_in_both_formats(
    provider: Provider, http: httpx.AsyncClient
) -> None:
    await http.post(
        "/responses",
        json={
            "model": "m",
            "instructions": "Be brief.",
            "tools": [{"type": "function", "name": "add", "parameters": {}}],
            "input": [
                {"role": "developer", "content": "In English."},
                {
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "2+"},
                        {"type": "input_text", "text": "2?"},
                    ],
                },
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_text", "text": "Let me see."}],
                },
                {"type": "function_call", "call_id": "c1", "name": "add", "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": "4"},
                {"role": "user", "content": "Well?"},
            ],
        },
    )
    await http.post(
        "/chat/completions",
        json={
            "model": "m",
            "tools": [{"type": "function", "function": {"name": "add", "parameters": {}}}],
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "developer", "content": "In English."},
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "2+"}, {"type": "text", "text": "2?"}],
                },
                {"role": "assistant", "content": "Let me see."},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "c1",
                            "type": "function",
                            "function": {"name": "add", "arguments": "{}"},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "c1", "content": "4"},
                {"role": "user", "content": "Well?"},
            ],
        },
    )
    assert [call.wire for call in provider.calls] == ["responses", "chat"]
    for call in provider.calls:
        assert call.refusal is None
        assert call.messages == [
            Message("system", "Be brief."),
            Message("system", "In English."),
            Message("user", "2+2?"),
            Message("assistant", "Let me see."),
            Message("user", "Well?"),
        ]
        assert call.instructions == "Be brief.\nIn English."
        assert call.user_texts == ["2+2?", "Well?"]
        assert call.tool_names == ["add"]
        assert call.tool_outputs == [ToolOutput("c1", "4")]


OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "4"}
MADE = {"type": "function_call", "call_id": "c1", "name": "add", "arguments": "{}"}
CHAT_MADE = {
    "role": "assistant",
    "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    ],
}


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/responses", {"input": "hi"}, "must provide a model"),
        ("/responses", {"model": "m"}, "Missing required parameter: 'input'"),
        ("/chat/completions", {"model": "m", "messages": []}, "parameter: 'messages'"),
        ("/responses", {"model": "m", "input": [3]}, "expected a list of objects"),
        ("/responses", {"model": "m", "input": 3}, "expected a list of objects"),
        (
            "/responses",
            {"model": "m", "input": [{"role": "user", "content": [3]}]},
            "Invalid value for 'content'",
        ),
        ("/responses", {"model": "m", "input": [{"role": "boss", "content": "x"}]}, "'boss'"),
        (
            "/responses",
            {"model": "m", "input": "hi", "previous_response_id": "resp_1"},
            "'resp_1' not found",
        ),
        (
            "/responses",
            {"model": "m", "input": [{"role": "user", "content": [{"type": "output_text"}]}]},
            "Invalid value: 'output_text'",
        ),
        (
            "/responses",
            {"model": "m", "input": [{"role": "assistant", "content": [{"type": "input_text"}]}]},
            "Invalid value: 'input_text'",
        ),
        (
            "/chat/completions",
            {
                "model": "m",
                "messages": [{"role": "assistant", "content": [{"type": "output_text"}]}],
            },
            "Invalid value: 'output_text'",
        ),
        (
            "/chat/completions",
            {"model": "m", "messages": [{"role": "user", "content": None}]},
            "Invalid value for 'content'",
        ),
        ("/responses", {"model": "m", "input": [OUTPUT]}, "No tool call found"),
        ("/responses", {"model": "m", "input": [MADE]}, "No tool output found"),
        (
            "/responses",
            {"model": "m", "input": [{"type": "function_call_output", "output": "4"}]},
            "parameter: 'call_id'",
        ),
        (
            "/chat/completions",
            {"model": "m", "messages": [{"role": "tool", "tool_call_id": "c1", "content": "4"}]},
            "No tool call found",
        ),
        (
            "/chat/completions",
            {
                "model": "m",
                "messages": [
                    CHAT_MADE,
                    {"role": "user", "content": "?"},
                    {"role": "tool", "tool_call_id": "c1", "content": "4"},
                ],
            },
            "No tool output found",
        ),
    ],
)
async def test_a_bad_request_is_refused_as_openai_refuses_it(
    provider: Provider, http: httpx.AsyncClient, path: str, body: dict[str, Any], message: str
) -> None:
    response = await http.post(path, json=body)
    assert response.status_code == 400
    assert message in response.json()["error"]["message"]
    [call] = provider.calls
    assert len(call.messages) + len(call.tool_outputs) <= 3, "a refused call can still be read"


async def test_what_is_no_request_gets_the_providers_json_too(http: httpx.AsyncClient) -> None:
    garbled = await http.post("/responses", content=b"{")
    assert garbled.status_code == 400
    assert "could not parse" in garbled.json()["error"]["message"]
    for response in (await http.post("/nowhere"), await http.get("/responses")):
        assert response.status_code == 404
        assert response.json()["error"]["message"].startswith("Invalid URL")


# Pace


@pytest.mark.parametrize("wire", WIRES)
async def test_a_gate_releases_chunk_by_chunk(
    provider: Provider, http: httpx.AsyncClient, wire: str
) -> None:
    gate = Gate()
    provider.reply(lambda call: Say(["a", "b", "c", "d", "e"], gate=gate))
    path, body = request(wire, stream=True)
    async with http.stream("POST", path, json=body) as response:
        chunks = deltas(response.aiter_lines())
        call = await provider.called()
        gate.allow()
        assert await anext(chunks) == "a"
        assert call.sent == 1
        gate.allow(2)
        assert [await anext(chunks), await anext(chunks)] == ["b", "c"]
        assert call.sent == 3
        gate.open()
        assert [chunk async for chunk in chunks] == ["d", "e"]
    await asyncio.wait_for(call.ended.wait(), 30)
    assert (call.sent, call.aborted) == (5, False)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("hang", [False, True])
async def test_a_waiting_stream_notices_that_the_client_left(
    provider: Provider, http: httpx.AsyncClient, wire: str, hang: bool
) -> None:
    gate = Gate()
    provider.reply(lambda call: Say("one two", hang=True) if hang else Say("one two three", gate))
    gate.allow(2)
    path, body = request(wire, stream=True)
    async with http.stream("POST", path, json=body) as response:
        chunks = deltas(response.aiter_lines())
        assert [await anext(chunks), await anext(chunks)] == ["one ", "two" if hang else "two "]
        [call] = provider.calls
        assert not call.ended.is_set()
    await asyncio.wait_for(call.ended.wait(), 30)
    assert (call.aborted, call.sent) == (True, 2)


@pytest.mark.parametrize("wire", WIRES)
async def test_an_answer_in_one_piece_waits_at_the_gate_too(
    provider: Provider, http: httpx.AsyncClient, wire: str
) -> None:
    gate = Gate()
    provider.reply(lambda call: Say("one two", gate))
    answer = asyncio.create_task(post(http, wire))
    call = await provider.called()
    assert call.sent == 0
    answer.cancel()
    await asyncio.wait_for(call.ended.wait(), 30)
    assert call.aborted

    answer = asyncio.create_task(post(http, wire))
    gate.open()
    assert "one two" in (await answer).text
    assert not (await provider.called(2)).aborted


@pytest.mark.parametrize(
    "text",
    ["", "one", " two words ", "line one\nline two\n\n", "tab\tand  spaces", "   ", "größe €"],
)
async def test_a_text_is_split_without_loss(
    provider: Provider, client: openai.AsyncOpenAI, text: str
) -> None:
    provider.reply(lambda call: Say(text))
    async with client.responses.stream(model="m", input="hi") as stream:
        assert (await stream.get_final_response()).output_text == text
    assert provider.calls[0].sent == len(Say(text).chunks)


async def test_it_stops_cleanly_while_a_stream_hangs() -> None:
    before = asyncio.all_tasks()
    async with httpx.AsyncClient(timeout=30) as http:
        async with Provider() as provider:
            provider.reply(lambda call: Say("one", hang=True))
            path, body = request("responses", stream=True)
            sent = http.build_request("POST", provider.base_url + path, json=body)
            response = await http.send(sent, stream=True)
            call = await provider.called()
        assert call.ended.is_set()
        assert call.aborted
        assert asyncio.all_tasks() == before
        await response.aclose()
        with pytest.raises(httpx.ConnectError):
            await http.get(f"{provider.base_url}/models")


async def test_two_providers_do_not_share_anything() -> None:
    async with Provider() as one, Provider() as other, httpx.AsyncClient() as http:
        assert one.base_url != other.base_url
        await http.post(f"{one.base_url}/responses", json={"model": "m", "input": "hi"})
        assert (len(one.calls), len(other.calls)) == (1, 0)


def test_it_is_light_to_import() -> None:
    script = (
        "import sys, checkpoints.engine.provider;"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"openai", "agents", "chatkit", "pydantic", "fastapi"} & set(run.stdout.split())


async def test_a_call_can_be_waited_for(provider: Provider, http: httpx.AsyncClient) -> None:
    waiting: asyncio.Task[Call] = asyncio.create_task(provider.called(2))
    await post(http, "chat", text="first")
    await post(http, "responses", text="second")
    assert (await waiting).user_texts == ["second"]
