"""A small server for the page to talk to. The first word of a message chooses what it answers.

Its answers wait at a `Gate` where a test wants to look at the page in the middle of a stream.
"""

from __future__ import annotations

import asyncio
import json
import queue
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from chatkit.actions import Action
from chatkit.server import ChatKitServer, NonStreamingResult, StreamingResult
from chatkit.store import default_generate_id
from chatkit.types import (
    Annotation,
    AssistantMessageContent,
    AssistantMessageContentPartAdded,
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    ClientEffectEvent,
    ClientToolCallItem,
    CustomTask,
    ErrorEvent,
    FeedbackKind,
    NoticeEvent,
    ProgressUpdateEvent,
    SyncCustomActionResponse,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    URLSource,
    UserMessageItem,
    WidgetItem,
    Workflow,
    WorkflowItem,
    WorkflowTaskAdded,
    WorkflowTaskUpdated,
)
from fastapi import FastAPI

from shared.console import mount_console
from shared.context import RequestContext
from shared.database import Database
from shared.endpoint import chatkit_router
from shared.store import SQLiteStore
from tests.page.scenes import SCENES, widget_item


class Gate:
    """Lets a stream pass one step for each `release`, called from the test's thread."""

    def __init__(self) -> None:
        self.steps = asyncio.Semaphore(0)
        self.reached = threading.Event()
        self.cut = False

    async def wait(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.reached.set()
        await self.steps.acquire()

    def release(self, steps: int = 1) -> None:
        assert self.reached.wait(10), "No stream has reached the gate."
        for _ in range(steps):
            self.loop.call_soon_threadsafe(self.steps.release)

    def end(self) -> None:
        """End the stream where it stands, as a server does whose turn was interrupted."""
        self.cut = True
        self.release()


class ScriptedServer(ChatKitServer[RequestContext]):
    """Answers by the first word of the message; `gate ` before it makes each step wait.

    With `turn ` each step waits too, at a gate that this turn has to itself; see `turns`.
    """

    def __init__(self) -> None:
        self.database = Database(":memory:")
        super().__init__(SQLiteStore(self.database))
        self.gate = Gate()
        self.turns: queue.Queue[Gate] = queue.Queue()  # in the order in which they began
        self.cancelled = threading.Event()
        self.feedback: list[str] = []

    async def add_feedback(
        self, thread_id: str, item_ids: list[str], feedback: FeedbackKind, context: RequestContext
    ) -> None:
        self.feedback.append(feedback)

    async def respond(
        self,
        thread: ThreadMetadata,
        input_user_message: UserMessageItem | None,
        context: RequestContext,
    ) -> AsyncIterator[ThreadStreamEvent]:
        text = "tool-output"
        if input_user_message:
            text = "".join(part.text for part in input_user_message.content)
        kind, _, rest = text.partition(" ")
        match kind:
            case "gate":
                try:
                    async for event in self.say(thread, [f"{word} " for word in rest.split()]):
                        await self.gate.wait()
                        yield event
                except asyncio.CancelledError:
                    self.cancelled.set()
                    raise
            case "turn":
                gate = Gate()
                self.turns.put(gate)
                async for event in self.say(thread, [f"{word} " for word in rest.split()]):
                    await gate.wait()
                    if gate.cut:
                        return
                    yield event
            case "title":
                thread.title = rest
                yield self.message(thread, f"This is now {rest}.")
            case "say":
                yield self.message(thread, rest)
            case "error":
                yield ErrorEvent(message="The model is asleep.", allow_retry=True)
            case "crash":
                raise RuntimeError("broken on purpose")
            case "notice":
                yield NoticeEvent(level="warning", title="Quota", message="Nine messages are left.")
                yield self.message(thread, "Answered all the same.")
            case "effect":
                yield ClientEffectEvent(name="refresh_tasks", data={"count": 3})
                yield self.message(thread, "Refreshed.")
            case "tool":
                item = ClientToolCallItem(
                    id=default_generate_id("tool_call"),
                    thread_id=thread.id,
                    created_at=datetime.now(UTC),
                    call_id="call_1",
                    name="get_page",
                    arguments={},
                )
                yield ThreadItemDoneEvent(item=item)
            case "tool-output":
                yield self.message(thread, "Thank you for the page.")
            case "widget":
                yield ThreadItemDoneEvent(item=self.widget(thread, done=False))
            case "fill":
                for number in range(1, int(rest) + 1):
                    yield self.message(thread, f"Message {number}.")
            case "scene":
                async for event in SCENES[rest](thread, self.gate.wait):
                    yield event
            case "work":
                async for event in self.work(thread):
                    yield event
            case _:
                async for event in self.say(thread, ["You ", "said: ", text]):
                    yield event

    async def action(
        self,
        thread: ThreadMetadata,
        action: Action[str, Any],
        sender: WidgetItem | None,
        context: RequestContext,
    ) -> AsyncIterator[ThreadStreamEvent]:
        if sender and action.type == "complete":
            item = self.widget(thread, done=True)
            yield ThreadItemReplacedEvent(item=item.model_copy(update={"id": sender.id}))
        else:
            yield self.message(thread, f"{action.type} {json.dumps(action.payload)}")

    async def sync_action(
        self,
        thread: ThreadMetadata,
        action: Action[str, Any],
        sender: WidgetItem | None,
        context: RequestContext,
    ) -> SyncCustomActionResponse:
        if action.type == "refuse":
            raise NotImplementedError
        if sender is None:
            return SyncCustomActionResponse()
        said = {"type": "Text", "value": f"{action.type} {json.dumps(action.payload)}"}
        item = widget_item(thread, {"type": "Card", "children": [said]})
        return SyncCustomActionResponse(updated_item=item.model_copy(update={"id": sender.id}))

    def message(self, thread: ThreadMetadata, text: str, **content: Any) -> ThreadItemDoneEvent:
        item = AssistantMessageItem(
            id=default_generate_id("message"),
            thread_id=thread.id,
            created_at=datetime.now(UTC),
            content=[AssistantMessageContent(text=text, **content)],
        )
        return ThreadItemDoneEvent(item=item)

    async def say(
        self, thread: ThreadMetadata, words: list[str]
    ) -> AsyncIterator[ThreadStreamEvent]:
        done = self.message(thread, "".join(words))
        item = done.item
        yield ThreadItemAddedEvent(item=item.model_copy(update={"content": []}))
        part = AssistantMessageContent(text="")
        update: Any = AssistantMessageContentPartAdded(content_index=0, content=part)
        yield ThreadItemUpdatedEvent(item_id=item.id, update=update)
        for word in words:
            update = AssistantMessageContentPartTextDelta(content_index=0, delta=word)
            yield ThreadItemUpdatedEvent(item_id=item.id, update=update)
        yield done

    async def work(self, thread: ThreadMetadata) -> AsyncIterator[ThreadStreamEvent]:
        yield ProgressUpdateEvent(icon="search", text="Looking through your notes")
        item = WorkflowItem(
            id=default_generate_id("workflow"),
            thread_id=thread.id,
            created_at=datetime.now(UTC),
            workflow=Workflow(type="custom", tasks=[]),
        )
        yield ThreadItemAddedEvent(item=item)
        for index, title in enumerate(["Read three notes", "Compared the dates"]):
            for status in ("loading", "complete"):
                task = CustomTask(title=title, status_indicator=status)
                kind: Any = WorkflowTaskAdded if status == "loading" else WorkflowTaskUpdated
                yield ThreadItemUpdatedEvent(
                    item_id=item.id, update=kind(task_index=index, task=task)
                )
                item.workflow.tasks[index:] = [task]
        yield ThreadItemDoneEvent(item=item)
        source = URLSource(title="The textbook", url="https://example.com/book")
        yield self.message(
            thread, "The second note is newer.", annotations=[Annotation(source=source)]
        )

    def widget(self, thread: ThreadMetadata, *, done: bool) -> WidgetItem:
        color, label = ("success", "done") if done else ("warning", "open")
        button = {
            "type": "Button",
            "label": "Mark as done",
            "style": "primary",
            "disabled": done,
            "onClickAction": {"type": "complete", "payload": {"id": "t1"}},
        }
        card = {
            "type": "Card",
            "children": [
                {
                    "type": "Row",
                    "justify": "between",
                    "children": [
                        {"type": "Title", "value": "Read lesson 2"},
                        {"type": "Badge", "label": label, "color": color},
                    ],
                },
                {"type": "Text", "value": "Due on Friday", "color": "secondary"},
                {"type": "Divider"},
                {"type": "Hologram", "depth": 3},
                {"type": "Row", "children": [button]},
            ],
        }
        return widget_item(thread, card)


class Crowd(ScriptedServer):
    """A server, and so a Store, for each user: the shared Store asks nobody who they are."""

    def __init__(self) -> None:
        super().__init__()
        self.users: dict[str, ScriptedServer] = {}
        self.opened: list[Database] = []

    async def process(
        self, request: str | bytes | bytearray, context: RequestContext
    ) -> StreamingResult | NonStreamingResult:
        if context.user_id not in self.users:
            own = self.users[context.user_id] = ScriptedServer()
            self.opened.append(own.database)
            own.gate, own.turns = self.gate, self.turns
            own.cancelled, own.feedback = self.cancelled, self.feedback
        return await self.users[context.user_id].process(request, context)

    @asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        yield
        for database in self.opened:
            await database.close()


def create_app() -> tuple[FastAPI, Crowd]:
    """The console with a ChatKit server behind it."""
    server = Crowd()
    app = FastAPI(title="Task Manager", lifespan=server.lifespan)
    app.include_router(chatkit_router(server))
    mount_console(app)
    return app, server
