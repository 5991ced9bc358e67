"""The offline model: honest, deterministic, word by word, and within its context window."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import openai
import pytest
from agents import (
    Agent,
    ModelSettings,
    ModelTracing,
    RunConfig,
    Runner,
    Tool,
    UserError,
    function_tool,
)
from chatkit.agents import ThreadItemConverter
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    HiddenContextItem,
    InferenceOptions,
    ThreadItem,
    UserMessageItem,
    UserMessageTextContent,
)
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage

from shared import clock
from shared.models import count_tokens
from shared.models.events import text_of_item
from shared.models.offline import OfflineModel

ALONE = "I can't see any earlier message: only this one was sent to me."
NO_TRACES = RunConfig(tracing_disabled=True)


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def tasks(stored: list[str]) -> list[Tool]:
    """The Task Manager's four tools, over a plain list."""

    @function_tool
    def create_task(title: str) -> str:
        """Create a task."""
        stored.append(title)
        return f"Created task {len(stored)}: {title}."

    @function_tool
    def list_tasks() -> str:
        """List the tasks."""
        return "\n".join(f"{n}. [ ] {title}" for n, title in enumerate(stored, 1))

    @function_tool
    def complete_task(task: str) -> str:
        """Complete a task."""
        return f"There is no task {task}. Ask for the list to see the numbers."

    @function_tool
    def task_summary() -> str:
        """Sum up."""
        return f"{len(stored)} open."

    return [create_task, list_tasks, complete_task, task_summary]


async def items_of(
    given: str | Sequence[dict[str, Any]],
    *,
    instructions: str | None = None,
    tools: list[Tool] | None = None,
    model: OfflineModel | None = None,
) -> list[Any]:
    response = await (model or OfflineModel(0)).get_response(
        instructions,
        given if isinstance(given, str) else list(given),  # type: ignore[arg-type]
        ModelSettings(),
        tools or [],
        None,
        [],
        ModelTracing.DISABLED,
        previous_response_id=None,
        conversation_id=None,
        prompt=None,
    )
    return response.output


async def answer(given: str | Sequence[dict[str, Any]], **options: Any) -> str:
    [item] = await items_of(given, **options)
    assert isinstance(item, ResponseOutputMessage)
    return text_of_item(item)


async def events_of(given: Any, *, model: OfflineModel | None = None, **options: Any) -> list[Any]:
    stream = (model or OfflineModel(0)).stream_response(
        options.get("instructions"),
        given,
        ModelSettings(),
        options.get("tools", []),
        None,
        [],
        ModelTracing.DISABLED,
        previous_response_id=None,
        conversation_id=None,
        prompt=None,
    )
    return [event async for event in stream]


# Honesty: the answer is in the input, or the model says that it is not.


@pytest.mark.parametrize(
    "question",
    [
        "What did I ask earlier?",
        "what did I ask you before",
        "What was my first question?",
        "What was my last message?",
        "What is my name?",
        "Do you remember my codeword?",
        "What do you know about me?",
        "Summarise our conversation so far",
    ],
)
async def test_without_history_it_remembers_nothing(question: str) -> None:
    assert await answer(question) == ALONE


async def test_with_history_it_finds_what_was_asked() -> None:
    history = [user("Is tea hot?"), user("Is ice cold?"), user("What did I ask earlier?")]
    text = await answer(history)
    assert "1. “Is tea hot?”\n2. “Is ice cold?”" in text
    assert "What did I ask earlier?" not in text


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What was my first question?", "Is tea hot?"),
        ("What was my last question?", "Is ice cold?"),
        ("Summarize this conversation", "“Is tea hot?”; “Is ice cold?”"),
    ],
)
async def test_it_tells_first_and_last_apart(question: str, expected: str) -> None:
    history = [user("Is tea hot?"), user("Is ice cold?"), user(question)]
    assert expected in await answer(history)


async def test_many_messages_are_repeated_from_the_first_and_the_newest() -> None:
    history = [user(f"Question {n:02}") for n in range(40)]
    text = await answer([*history, user("What did I ask earlier?")])
    assert "40 earlier messages" in text
    assert "Question 00" in text
    assert "40. “Question 39”" in text
    assert "Question 29" not in text


@pytest.mark.parametrize(
    "said",
    ["My name is Ana.", "I'm Ana", "Call me Ana, please.", "Hello. my name is Ana and I like tea"],
)
async def test_it_takes_the_name_from_an_earlier_message(said: str) -> None:
    assert "Your name is Ana" in await answer([user(said), user("What is my name?")])


async def test_it_recalls_whatever_was_called_mine_and_the_newest_value_of_it() -> None:
    history = [user("My codeword is zebra."), user("My codeword is crow.")]
    text = await answer([*history, user("What's my codeword?")])
    assert text.startswith("Your codeword is crow.")


async def test_it_finds_the_page_in_what_was_sent() -> None:
    note = "Hidden context for the agent (not shown to the user):\nThey look at http://x/team."
    text = await answer([user(note), user("Which page am I looking at?")])
    assert text == "This was sent to me about the page:\n\n`They look at http://x/team.`"
    text = await answer([user("What page is this?")])
    assert text == "Nothing that was sent to me says which page you are looking at."


async def test_it_says_when_history_does_not_have_the_answer() -> None:
    text = await answer([user("I'm tired"), user("What is my name?")])
    assert text == "None of the messages that I can see says so: I was sent 2 messages of yours."


async def test_an_assistant_message_is_not_taken_for_the_users() -> None:
    history = [
        {"role": "assistant", "content": [{"type": "output_text", "text": "My name is Bob."}]},
        user("What is my name?"),
    ]
    assert await answer(history) == ALONE


async def test_instructions_count_as_input() -> None:
    instructions = (
        "You are Tasky, who helps the user with tasks.\n"
        "- The user's name is Ana. The user prefers short answers.\n"
        "Summary: the user asked for a red bike."
    )
    assert "Your name is Ana" in await answer("What is my name?", instructions=instructions)
    about = await answer("What do you know about me?", instructions=instructions)
    assert "- The user prefers short answers." in about
    assert "Tasky" not in about
    earlier = await answer("What did I ask earlier?", instructions=instructions)
    assert earlier.startswith(ALONE)
    assert "the user asked for a red bike" in earlier
    assert await answer("Hello", instructions=instructions) != await answer("Hello")
    assert await answer("Hm", instructions=instructions) == "You wrote: “Hm”"


async def test_it_says_when_history_was_pasted_into_the_instructions() -> None:
    instructions = "Be kind.\nConversation so far:\nUser: Is tea hot?\nAssistant: Yes."
    text = await answer("What did I ask earlier?", instructions=instructions)
    assert text.startswith(ALONE)
    assert "- User: Is tea hot?" in text


async def test_it_claims_no_knowledge() -> None:
    text = await answer("What is the capital of France?")
    assert text.startswith("You wrote: “What is the capital of France?”")
    assert "Paris" not in text


async def test_the_inputs_that_chatkit_makes_are_understood() -> None:
    def said(item_id: str, text: str, quoted: str | None = None) -> UserMessageItem:
        return UserMessageItem(
            id=item_id,
            thread_id="t",
            created_at=datetime.now(),
            content=[UserMessageTextContent(text=text)],
            attachments=[],
            quoted_text=quoted,
            inference_options=InferenceOptions(),
        )

    history: list[ThreadItem] = [
        said("u1", "My codeword is zebra."),
        AssistantMessageItem(
            id="a1",
            thread_id="t",
            created_at=datetime.now(),
            content=[AssistantMessageContent(text="Noted.")],
        ),
        HiddenContextItem(
            id="h1",
            thread_id="t",
            created_at=datetime.now(),
            content="The user looks at the page of invoices.",
        ),
        said("u2", "What do you know about me?", quoted="an old line"),
    ]
    text = await answer(await ThreadItemConverter().to_agent_input(history))  # type: ignore[arg-type]
    assert "- The user looks at the page of invoices." in text
    assert "- The user is referring to this in particular: an old line" in text
    assert "Earlier you wrote: “My codeword is zebra.”" in text


async def test_nothing_to_answer() -> None:
    assert "no message of a user" in await answer([{"role": "system", "content": "Be kind."}])


# Tools


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ("add buy milk", "create_task", {"title": "buy milk"}),
        ("Add “buy milk” to my list.", "create_task", {"title": "buy milk"}),
        ("please add a task: buy milk", "create_task", {"title": "buy milk"}),
        ("Create a new task called zorple", "create_task", {"title": "zorple"}),
        ("Can you remind me to call Ana?", "create_task", {"title": "call Ana"}),
        ("list my tasks", "list_tasks", {}),
        ("What tasks do I have?", "list_tasks", {}),
        ("complete 2", "complete_task", {"task": "2"}),
        ("finish task #2", "complete_task", {"task": "2"}),
        ("Mark Buy milk as done", "complete_task", {"task": "Buy milk"}),
        ("I'm done with Buy milk.", "complete_task", {"task": "Buy milk"}),
        ("How am I doing?", "task_summary", {}),
        ("Give me a summary", "task_summary", {}),
    ],
)
async def test_it_calls_the_tool_that_the_message_asks_for(
    text: str, name: str, arguments: dict[str, str]
) -> None:
    [call] = await items_of(text, tools=tasks([]))
    assert isinstance(call, ResponseFunctionToolCall)
    assert (call.name, json.loads(call.arguments)) == (name, arguments)


async def test_without_the_tool_it_says_so() -> None:
    assert "no tool `create_task` was sent to me" in await answer("add buy milk")


async def test_it_calls_any_tool_by_its_name() -> None:
    @function_tool
    def import_tasks(path: str, fast: bool = False) -> str:
        """Import."""
        return f"{path} {fast}"

    async def called(text: str) -> Any:
        [call] = await items_of(text, tools=[import_tasks])
        return json.loads(call.arguments)

    assert await called("Import tasks from plan.csv") == {"path": "plan.csv"}
    assert await called('call import_tasks {"path": "a", "fast": true}') == {
        "path": "a",
        "fast": True,
    }
    assert "needs path" in await answer("import tasks", tools=[import_tasks])
    assert "not JSON" in await answer('import tasks {"path', tools=[import_tasks])


async def test_through_the_runner_a_tool_runs_and_its_output_is_the_answer() -> None:
    stored: list[str] = []
    agent = Agent("Tasks", model=OfflineModel(0), tools=tasks(stored))

    async def run(text: str) -> str:
        result = await Runner.run(agent, text, run_config=NO_TRACES)
        return str(result.final_output)

    assert await run("add buy milk") == "Created task 1: buy milk."
    await run("add call Ana")
    assert stored == ["buy milk", "call Ana"]
    assert await run("show my tasks") == (
        "Here is what I found:\n\n1. [ ] buy milk\n2. [ ] call Ana"
    )
    assert await run("complete 7") == "There is no task 7. Ask for the list to see the numbers."


async def test_a_tool_that_raises_is_reported() -> None:
    @function_tool
    def list_tasks() -> str:
        """List."""
        raise RuntimeError("the disk is full")

    agent = Agent("Tasks", model=OfflineModel(0), tools=[list_tasks])
    result = await Runner.run(agent, "list my tasks", run_config=NO_TRACES)
    assert result.final_output == "An error occurred while running the tool. Please try again."


async def test_an_answer_of_an_earlier_turn_is_not_repeated() -> None:
    history = [
        user("list my tasks"),
        {"type": "function_call", "call_id": "c1", "name": "list_tasks", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "1. [ ] old"},
        {"role": "assistant", "content": "1. [ ] old"},
        user("count to 3"),
    ]
    assert await answer(history) == "1 2 3"


# Streaming


async def test_the_whole_sequence_of_events_for_a_message() -> None:
    events = await events_of("count to 3")
    assert [event.type for event in events] == [
        "response.created",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.delta for event in events[3:6]] == ["1 ", "2 ", "3"]
    item_id = events[1].item.id
    assert {event.item_id for event in events if hasattr(event, "item_id")} == {item_id}
    assert events[1].item.content == []
    assert events[-2].item == events[-1].response.output[0]
    assert events[-2].item.id == item_id


async def test_the_whole_sequence_of_events_for_a_tool_call() -> None:
    events = await events_of("add buy milk", tools=tasks([]))
    assert [event.type for event in events] == [
        "response.created",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert events[1].item.arguments == ""
    assert json.loads(events[2].delta) == {"title": "buy milk"}
    assert events[1].item.id == events[-1].response.output[0].id


async def test_deltas_join_to_the_text_and_long_answers_are_long() -> None:
    events = await events_of("tell me a long story")
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == events[-1].response.output[0].content[0].text
    assert len(deltas) > 300
    assert all(len(delta.split()) == 1 for delta in deltas)
    text = "".join(deltas)
    assert all(mark in text for mark in ("# ", "\n- ", "\n1. ", "```", "| ---"))


async def test_it_waits_between_words_at_its_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []

    async def sleep(seconds: float) -> None:
        naps.append(seconds)

    monkeypatch.setattr(clock, "sleep", sleep)
    await events_of("count to 10", model=OfflineModel(words_per_second=50))
    assert naps == [0.02] * 10
    naps.clear()
    await events_of("count to 10", model=OfflineModel(words_per_second=0))
    assert naps == []


async def test_the_reader_sees_each_word_before_the_next_is_written() -> None:
    """Without a pause in the model, the SDK's queue would deliver all of it at the end."""
    agent = Agent("Counter", model=OfflineModel(0))
    result = Runner.run_streamed(agent, "count to 100", run_config=NO_TRACES)
    written = 0
    ahead: list[int] = []
    real = OfflineModel._pace

    async def counted(model: OfflineModel) -> None:
        nonlocal written
        written += 1
        await real(model)

    read = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OfflineModel, "_pace", counted)
        async for event in result.stream_events():
            if event.type == "raw_response_event" and event.data.type.endswith("text.delta"):
                read += 1
                ahead.append(written - read)
    assert read == 100
    assert max(ahead) <= 3


async def test_the_same_input_gives_the_same_answer_with_fresh_ids() -> None:
    given = [user("My name is Ana"), user("Hello")]
    one, other = [await events_of(given), await events_of(given)]
    assert [getattr(event, "delta", None) for event in one] == [
        getattr(event, "delta", None) for event in other
    ]
    assert one[1].item.id != other[1].item.id
    [first] = await items_of("add a", tools=tasks([]))
    [second] = await items_of("add a", tools=tasks([]))
    assert first.arguments == second.arguments
    assert first.id != second.id
    assert first.call_id != second.call_id


async def test_streams_can_run_side_by_side() -> None:
    model = OfflineModel(0)
    given = [f"count to {n}" for n in (3, 50, 7)]
    streams = await asyncio.gather(*(events_of(text, model=model) for text in given))
    ends = [stream[-1].response.output[0].content[0].text.split()[-1] for stream in streams]
    assert ends == ["3", "50", "7"]


# Tokens and the context window


def test_tokens_of_a_text_are_a_quarter_of_its_bytes_rounded_up() -> None:
    assert count_tokens("") == 0
    assert count_tokens("abcd") == 1
    assert count_tokens("abcde") == 2
    assert count_tokens("€€") == 2  # three bytes each
    assert count_tokens("The quick brown fox jumps over the lazy dog.") == 11


def test_tokens_of_an_input_add_four_for_each_item() -> None:
    given = [
        user("abcd"),
        {"role": "assistant", "content": [{"type": "output_text", "text": "ab"}]},
        {"type": "function_call", "call_id": "c", "name": "abcd", "arguments": "{}12"},
        {"type": "function_call_output", "call_id": "c", "output": "abcdefgh"},
    ]
    assert count_tokens(given) == 4 * 4 + 1 + 1 + 2 + 2
    assert count_tokens(given[:1], instructions="abcd") == 5 + 5


async def test_usage_is_counted_whole_and_streamed_alike() -> None:
    agent = Agent("Counter", instructions="Be kind.", model=OfflineModel(0))
    whole = await Runner.run(agent, "count to 3", run_config=NO_TRACES)
    streamed = Runner.run_streamed(agent, "count to 3", run_config=NO_TRACES)
    async for _ in streamed.stream_events():
        pass
    usage = whole.context_wrapper.usage
    assert usage.input_tokens == count_tokens([user("count to 3")], instructions="Be kind.")
    assert usage.output_tokens == count_tokens("1 2 3")
    assert streamed.context_wrapper.usage.total_tokens == usage.total_tokens


async def test_an_input_over_the_window_gets_the_providers_error() -> None:
    given = [user("x" * 400), user("count to 3")]
    fits = count_tokens(given)
    assert await answer(given, model=OfflineModel(0, context_window=fits)) == "1 2 3"
    small = OfflineModel(0, context_window=fits - 1)
    with pytest.raises(openai.BadRequestError) as whole:
        await items_of(given, model=small)
    with pytest.raises(openai.BadRequestError) as streamed:
        await events_of(given, model=small)
    for error in (whole.value, streamed.value):
        assert error.status_code == 400
        assert error.code == "context_length_exceeded"
        assert f"maximum context length is {fits - 1} tokens" in str(error)
        assert f"resulted in {fits} tokens" in str(error)


async def test_instructions_and_tools_count_against_the_window() -> None:
    given = [user("hello")]
    model = OfflineModel(0, context_window=count_tokens(given))
    await items_of(given, model=model)
    with pytest.raises(openai.BadRequestError):
        await items_of(given, model=model, instructions="Be kind.")
    with pytest.raises(openai.BadRequestError):
        await items_of(given, model=model, tools=tasks([]))


async def test_it_says_how_much_it_was_sent() -> None:
    given = [user("Is tea hot?"), user("How many messages can you see?")]
    text = await answer(given)
    assert "2 messages of yours" in text
    assert f"{count_tokens(given)} tokens" in text


async def test_an_output_type_is_refused_with_a_sentence() -> None:
    agent = Agent("Judge", model=OfflineModel(0), output_type=list[str])
    with pytest.raises(UserError, match="writes plain text"):
        await Runner.run(agent, "hello", run_config=NO_TRACES)


# What lessons 3 and 4 make visible


NOTE = user(
    "Hidden context for the agent (not shown to the user):\n<HiddenContext>\n"
    "The user cancelled the stream. Stop responding to the prior request.\n</HiddenContext>"
)
CUT = {"role": "assistant", "content": "Once upon a time there was a"}


async def test_it_knows_that_it_was_stopped_only_when_it_is_told() -> None:
    assert "ended with: “… Once upon a time there was a”" in await answer(
        [CUT, NOTE, user("Go on.")]
    )
    assert "sent no word of it" in await answer([NOTE, user("Go on.")])
    assert "no answer of mine that was cut short" in await answer([CUT, user("Go on.")])


async def test_it_calls_the_tools_of_later_lessons_where_they_are_offered() -> None:
    @function_tool
    def analyse_documents() -> str:
        """Analyse."""
        return "done"

    @function_tool
    def remember_fact(kind: str, name: str, value: str) -> str:
        """Remember."""
        return "done"

    tools: list[Tool] = [analyse_documents, remember_fact]
    [call] = await items_of("Please analyse the project's documents", tools=tools)
    assert isinstance(call, ResponseFunctionToolCall)
    assert (call.name, call.arguments) == ("analyse_documents", "{}")
    for said, kind, name, value in (
        ("My language is German.", "preference", "language", "German"),
        ("My project's deadline is Friday", "project", "deadline", "Friday"),
    ):
        [call] = await items_of(said, tools=tools)
        assert isinstance(call, ResponseFunctionToolCall)
        assert json.loads(call.arguments) == {"kind": kind, "name": name, "value": value}
    assert "no tool `analyse_documents`" in await answer("Analyse the documents")
    assert "I keep nothing myself" in await answer("My language is German.")


async def test_a_summary_is_extended() -> None:
    first = await answer("Summarise this conversation:\nUser: I like tea\nAssistant: Good")
    assert first == "The user wrote: “I like tea”"
    second = await answer(
        f"Summarise this conversation:\nSummary so far: {first}\nUser: And cake\nAssistant: Yes"
    )
    assert second == "The user wrote: “I like tea” The user wrote: “And cake”"
