"""The Task Manager: its tasks, and the agent whose tools reach them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from agents import Agent, Runner, set_tracing_disabled
from agents.testing import ScriptedModel, assistant_message, function_call
from chatkit.agents import AgentContext
from chatkit.types import ThreadMetadata

from checkpoints.cluster import Urls
from shared import clock
from shared.context import RequestContext
from shared.database import AnyDatabase, Database
from shared.postgres import PostgresDatabase
from shared.store import SQLiteStore
from shared.task_manager import Summary, TaskError, TaskStorage, task_manager

set_tracing_disabled(True)


Open = Callable[[], AnyDatabase]


@pytest.fixture(params=["SQLite", "Postgres"])
def open_again(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same database each time, as another process would."""
    if request.param == "SQLite":
        return lambda: Database(tmp_path / "chatkit.db")
    urls: Urls = request.getfixturevalue("postgres")
    return lambda: PostgresDatabase(urls.app, urls.owner)


@pytest.fixture
def database(open_again: Open) -> AnyDatabase:
    return open_again()


@pytest.fixture
async def storage(database: AnyDatabase) -> AsyncIterator[TaskStorage]:
    yield TaskStorage(database)
    await database.close()


async def titles(storage: TaskStorage, user: str) -> list[tuple[int, str, bool]]:
    return [(task.number, task.title, task.done) for task in await storage.list(user)]


# Tasks


async def test_tasks_are_numbered_for_each_user(storage: TaskStorage) -> None:
    before = clock.now()
    created = await storage.create("alice", "  Buy \n milk ")
    assert (created.number, created.title, created.done) == (1, "Buy milk", False)
    assert before <= created.created_at <= clock.now()
    assert (await storage.create("bob", "Sleep")).number == 1
    assert (await storage.create("alice", "Call Bob")).number == 2
    assert await storage.list("alice") == [created, (await storage.list("alice"))[1]]
    assert await titles(storage, "alice") == [(1, "Buy milk", False), (2, "Call Bob", False)]
    assert await titles(storage, "bob") == [(1, "Sleep", False)]
    assert await titles(storage, "nobody") == []


async def test_many_at_once_get_a_number_each(storage: TaskStorage, open_again: Open) -> None:
    second = TaskStorage(open_again())
    created = await asyncio.gather(
        *((storage, second)[n % 2].create(f"user {n % 3}", f"Task {n}") for n in range(90))
    )
    for user in range(3):
        numbers = [task.number for n, task in enumerate(created) if n % 3 == user]
        assert sorted(numbers) == list(range(1, 31))
    await second.database.close()


@pytest.mark.parametrize(
    ("title", "sentence"),
    [("", "needs a title"), (" \t\n ", "needs a title"), ("x" * 201, "at most 200.*has 201")],
)
async def test_a_title_has_1_to_200_characters(
    storage: TaskStorage, title: str, sentence: str
) -> None:
    with pytest.raises(TaskError, match=sentence):
        await storage.create("alice", title)
    assert await storage.list("alice") == []
    assert (await storage.create("alice", "x" * 200)).number == 1


@pytest.mark.parametrize("spoken", [2, "2", " #2 ", "Grüße senden", "GRÜSSE   SENDEN"])
async def test_a_task_is_completed_by_number_or_title(
    storage: TaskStorage, spoken: int | str
) -> None:
    for title in ("Buy milk", "Grüße senden", "Call Bob"):
        await storage.create("alice", title)
        await storage.create("bob", title)
    completed = await storage.complete("alice", spoken)
    assert (completed.number, completed.title, completed.done) == (2, "Grüße senden", True)
    assert [done for _, _, done in await titles(storage, "alice")] == [False, True, False]
    assert [task.number for task in await storage.list("alice", include_done=False)] == [1, 3]
    assert await storage.summary("alice") == Summary(done=1, open=2)
    assert await storage.summary("bob") == Summary(done=0, open=3)
    assert await storage.complete("alice", spoken) == completed


async def test_a_number_goes_before_a_title(storage: TaskStorage) -> None:
    await storage.create("alice", "2")
    await storage.create("alice", "Buy milk")
    await storage.create("alice", "1984")
    assert (await storage.complete("alice", "2")).title == "Buy milk"
    assert (await storage.complete("alice", "1984")).number == 3


@pytest.mark.parametrize("spoken", ["3", 0, -1, "Buy", "", "1; DROP TABLE tasks"])
async def test_what_is_not_there_is_said(storage: TaskStorage, spoken: int | str) -> None:
    await storage.create("alice", "Buy milk")
    for _ in range(3):
        await storage.create("bob", "Buy")
    with pytest.raises(TaskError, match=f"no task “{spoken}”"):
        await storage.complete("alice", spoken)
    assert await storage.summary("alice") == Summary(done=0, open=1)


async def test_of_equal_titles_the_open_one_is_meant(storage: TaskStorage) -> None:
    for title in ("Buy milk", "buy MILK"):
        await storage.create("alice", title)
    with pytest.raises(TaskError, match=r"tasks 1 and 2\. Say which number"):
        await storage.complete("alice", "Buy milk")
    await storage.complete("alice", 1)
    assert (await storage.complete("alice", "Buy milk")).number == 2
    assert (await storage.complete("alice", "Buy milk")).done  # both are done: nothing to decide


async def test_the_summary_of_nothing(storage: TaskStorage) -> None:
    summary = await storage.summary("alice")
    assert (summary.total, summary.done, summary.open) == (0, 0, 0)


async def test_tasks_survive_the_process(storage: TaskStorage, open_again: Open) -> None:
    created = await storage.create("alice", "Buy milk")
    await storage.database.close()
    again = TaskStorage(open_again())
    assert await again.list("alice") == [created]
    await again.database.close()


# The agent


def context_of(user: str, database: AnyDatabase) -> AgentContext[RequestContext]:
    return AgentContext(
        thread=ThreadMetadata(id="thr_1", created_at=clock.now()),
        store=SQLiteStore[RequestContext](database),
        request_context=RequestContext(user_id=user),
    )


class Conversation:
    """Runs the agent with a model that calls one tool, and tells what the tool returned."""

    def __init__(self, storage: TaskStorage) -> None:
        self.agent: Agent[Any] = task_manager(storage)

    async def call(self, context: object, tool: str, **arguments: object) -> str:
        return await self.call_with(context, tool, json.dumps(arguments))

    async def call_with(self, context: object, tool: str, arguments: str) -> str:
        call = function_call(tool, arguments, call_id="call_1")
        model = ScriptedModel([[call], [assistant_message("Done.")]])
        result = Runner.run_streamed(self.agent.clone(model=model), "Hello", context=context)
        async for _ in result.stream_events():
            pass
        assert model.last_call is not None
        output = model.last_call.input[-1]
        assert isinstance(output, dict)
        assert output["type"] == "function_call_output"
        return str(output["output"])


@pytest.fixture
def conversation(storage: TaskStorage) -> Conversation:
    return Conversation(storage)


@pytest.fixture
def alice(database: AnyDatabase) -> AgentContext[RequestContext]:
    return context_of("alice", database)


async def test_the_tools_speak_plainly(
    conversation: Conversation, alice: AgentContext[RequestContext]
) -> None:
    call = conversation.call
    assert await call(alice, "list_tasks") == "No tasks yet."
    assert await call(alice, "task_summary") == "0 tasks: 0 done, 0 open."
    assert await call(alice, "create_task", title="Buy milk") == "Created task 1: Buy milk"
    assert await call(alice, "task_summary") == "1 task: 0 done, 1 open."
    await call(alice, "create_task", title="Call Bob")
    await call(alice, "create_task", title="Sleep")
    assert await call(alice, "complete_task", task="call bob") == "Completed task 2: Call Bob"
    assert await call(alice, "list_tasks") == "1. [ ] Buy milk\n2. [x] Call Bob\n3. [ ] Sleep"
    assert await call(alice, "task_summary") == "3 tasks: 1 done, 2 open."


async def test_the_tools_serve_whoever_is_speaking(
    conversation: Conversation, alice: AgentContext[RequestContext], database: AnyDatabase
) -> None:
    await conversation.call(alice, "create_task", title="Buy milk")
    bob = context_of("bob", database)
    assert await conversation.call(bob, "list_tasks") == "No tasks yet."
    assert "no task “1”" in await conversation.call(bob, "complete_task", task="1")
    assert await conversation.call(alice, "list_tasks") == "1. [ ] Buy milk"


@pytest.mark.parametrize(
    ("tool", "arguments", "sentence"),
    [
        ("create_task", '{"title": " "}', "A task needs a title."),
        ("complete_task", '{"task": "7"}', "There is no task “7”."),
        ("create_task", "{}", "Send the arguments that the tool's schema asks for."),
        ("create_task", "not JSON", "Send the arguments that the tool's schema asks for."),
    ],
)
async def test_the_model_hears_of_its_mistakes(
    conversation: Conversation,
    alice: AgentContext[RequestContext],
    tool: str,
    arguments: str,
    sentence: str,
) -> None:
    assert sentence in await conversation.call_with(alice, tool, arguments)


@pytest.mark.parametrize(
    ("context", "given"),
    [
        (None, "without `context=`"),
        (RequestContext("alice"), "with a RequestContext"),
        ({"user_id": "alice"}, "with a dict"),
    ],
)
@pytest.mark.parametrize("tool", ["list_tasks", "task_summary"])
async def test_a_run_without_its_context_fails_loudly(
    conversation: Conversation, tool: str, context: object, given: str
) -> None:
    sentence = rf"started {given}.* Runner\.run_streamed\(agent, input, context=agent_context\)"
    with pytest.raises(Exception, match=sentence) as raised:
        await conversation.call(context, tool)
    causes = list(_causes(raised.value))
    assert any(isinstance(cause, TypeError) for cause in causes)


async def test_other_errors_are_for_the_developer(
    conversation: Conversation,
    alice: AgentContext[RequestContext],
    storage: TaskStorage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def broken(user_id: str) -> Summary:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(storage, "summary", broken)
    with pytest.raises(Exception, match="a bug"):
        await conversation.call(alice, "task_summary")


def test_the_model_sees_four_described_tools(conversation: Conversation) -> None:
    tools: dict[str, Any] = {tool.name: tool for tool in conversation.agent.tools}
    parameters = {name: list(tool.params_json_schema["properties"]) for name, tool in tools.items()}
    assert parameters == {
        "create_task": ["title"],
        "list_tasks": [],
        "complete_task": ["task"],
        "task_summary": [],
    }
    assert all(tool.description for tool in tools.values())


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
