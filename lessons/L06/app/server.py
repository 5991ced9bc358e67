"""The ChatKit server: what happens when somebody says something."""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress

from agents import Agent, Runner
from chatkit.agents import AgentContext, stream_agent_response
from chatkit.server import ChatKitServer, NonStreamingResult, StreamingResult
from chatkit.store import NotFoundError
from chatkit.types import NoticeEvent, ThreadMetadata, ThreadStreamEvent, UserMessageItem

from app.history import History
from app.sessions import SessionStore
from app.turns import Turns
from shared.context import RequestContext


class TaskServer(ChatKitServer[RequestContext]):
    """Answers each message of a thread with an agent, word by word."""

    store: SessionStore

    def __init__(self, store: SessionStore, agent: Agent[AgentContext[RequestContext]]) -> None:
        """Keep the agent; ChatKitServer keeps the Store."""
        super().__init__(store)
        self.agent = agent
        self.turns = Turns()
        self.history = History(store)

    async def process(
        self, request: str | bytes | bytearray, context: RequestContext
    ) -> StreamingResult | NonStreamingResult:
        """Resume the session, or begin a new one where it has expired. Then start the turn."""
        asked = json.loads(request)
        thread_id = asked.get("params", {}).get("thread_id")
        expired = False
        if asked["type"] == "threads.add_user_message":
            expired = not await self.store.resume(thread_id, context)
        if expired:
            thread_id = None
            created = {"type": "threads.create", "params": {"input": asked["params"]["input"]}}
            request = json.dumps(created)
        if asked["type"] == "threads.delete" and thread_id in self.turns:
            with suppress(NotFoundError):  # who may not see a thread may not stop it either
                await self.store.load_thread(thread_id, context)
                await self.turns.stop(thread_id)
        result = await super().process(request, context)
        if not isinstance(result, StreamingResult):
            return result
        if thread_id:  # who may not see a thread may not interrupt it either
            await self.store.load_thread(thread_id, context)
        turn = await self.turns.start(thread_id, result.json_events)
        return StreamingResult(_announced(turn.frames()) if expired else turn.frames())

    async def respond(
        self,
        thread: ThreadMetadata,
        input_user_message: UserMessageItem | None,
        context: RequestContext,
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Run the agent on the conversation and yield its answer as ChatKit events."""
        agent_context = AgentContext(thread=thread, store=self.store, request_context=context)
        result = Runner.run_streamed(
            self.agent, await self.history.agent_input(thread, context), context=agent_context
        )
        try:
            async for event in stream_agent_response(agent_context, result):
                yield event
        finally:
            result.cancel()  # the model and the tools stop with the turn


async def _announced(frames: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Yield the frames of a new thread, and behind the first one why it is a new one."""
    notice = NoticeEvent(
        level="info",
        message="Your last conversation has expired. This is a new one.",
    )
    async with aclosing(frames):
        yield await anext(frames)
        yield b"data: " + notice.model_dump_json(exclude_none=True).encode() + b"\n\n"
        async for frame in frames:
            yield frame
