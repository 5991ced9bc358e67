"""The ChatKit server: what happens when somebody says something."""

import asyncio
import json
from collections.abc import AsyncIterator

from agents import Agent, Runner
from chatkit.agents import AgentContext, simple_to_agent_input, stream_agent_response
from chatkit.server import ChatKitServer, NonStreamingResult, StreamingResult
from chatkit.store import Store
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    HiddenContextItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemUpdatedEvent,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
)

from app.turns import Turn, current
from shared.clock import now
from shared.context import RequestContext


class TaskServer(ChatKitServer[RequestContext]):
    """Answers each message of a thread with an agent, word by word."""

    def __init__(
        self, store: Store[RequestContext], agent: Agent[AgentContext[RequestContext]]
    ) -> None:
        super().__init__(store)
        self.agent = agent
        self.turns: dict[str, Turn] = {}
        self.running: set[asyncio.Task[None]] = set()

    async def process(
        self, request: str | bytes | bytearray, context: RequestContext
    ) -> StreamingResult | NonStreamingResult:
        """Ask the turn that runs in the thread to stop, and start a new one after it."""
        result = await super().process(request, context)
        if not isinstance(result, StreamingResult):
            return result
        thread_id = json.loads(request)["params"].get("thread_id")
        if thread_id:
            await self.store.load_thread(thread_id, context)
        while (old := self.turns.get(thread_id)) and not old.ended.is_set():
            await old.stop()
        turn = Turn()
        if thread_id:
            self.turns[thread_id] = turn
        task = asyncio.create_task(turn.run(result.json_events))
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        return StreamingResult(turn.read())

    async def end(self) -> None:
        """Ask all turns to stop, and wait until they have."""
        await asyncio.gather(*(turn.stop() for turn in self.turns.values()))

    async def respond(
        self,
        thread: ThreadMetadata,
        input_user_message: UserMessageItem | None,
        context: RequestContext,
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Run the agent. When it is stopped, say what it had said as a finished message."""
        turn = current.get()
        self.turns[thread.id] = turn
        agent_context = AgentContext(thread=thread, store=self.store, request_context=context)
        page = await self.store.load_thread_items(thread.id, None, 30, "desc", context)
        given = await simple_to_agent_input(page.data[::-1])
        result = Runner.run_streamed(self.agent, given, context=agent_context)

        async def end_the_run() -> None:
            await turn.stop_asked.wait()
            result.cancel()

        ending = asyncio.create_task(end_the_run())
        said: dict[str, str] = {}
        async for event in stream_agent_response(agent_context, result):
            match event:
                case ThreadItemAddedEvent(item=AssistantMessageItem(id=item_id)):
                    said[item_id] = ""
                case ThreadItemUpdatedEvent(item_id=item_id):
                    said[item_id] = said.get(item_id, "") + getattr(event.update, "delta", "")
                case ThreadItemDoneEvent(item=item):
                    said.pop(item.id, None)
            yield event
        ending.cancel()
        if not turn.stop_asked.is_set():
            return
        for item_id, text in said.items():
            if text:
                content = [AssistantMessageContent(text=text)]
                yield ThreadItemDoneEvent(
                    item=AssistantMessageItem(
                        id=item_id, thread_id=thread.id, created_at=now(), content=content
                    )
                )
        yield ThreadItemDoneEvent(
            item=HiddenContextItem(
                id=self.store.generate_item_id("message", thread, context),
                thread_id=thread.id,
                created_at=now(),
                content="Your last answer was cut off by the user.",
            )
        )
