"""The ChatKit server: what happens when somebody says something."""

from collections.abc import AsyncIterator

import anyio
from agents import Agent, Runner
from chatkit.agents import AgentContext, simple_to_agent_input, stream_agent_response
from chatkit.server import ChatKitServer
from chatkit.store import Store
from chatkit.types import ThreadItem, ThreadMetadata, ThreadStreamEvent, UserMessageItem

from shared.context import RequestContext


class TaskServer(ChatKitServer[RequestContext]):
    """Answers each message of a thread with an agent, word by word."""

    def __init__(
        self, store: Store[RequestContext], agent: Agent[AgentContext[RequestContext]]
    ) -> None:
        """Keep the agent; ChatKitServer keeps the Store."""
        super().__init__(store)
        self.agent = agent

    async def handle_stream_cancelled(
        self, thread: ThreadMetadata, pending_items: list[ThreadItem], context: RequestContext
    ) -> None:
        """Store what the answer had so far; nobody can cancel that."""
        with anyio.CancelScope(shield=True):
            await super().handle_stream_cancelled(thread, pending_items, context)

    async def respond(
        self,
        thread: ThreadMetadata,
        input_user_message: UserMessageItem | None,
        context: RequestContext,
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Run the agent on the new message and yield its answer as ChatKit events."""
        if input_user_message is None:  # a client tool reported back; this agent has none
            return
        agent_context = AgentContext(thread=thread, store=self.store, request_context=context)
        items = [*await self._cut_short(thread, context), input_user_message]
        result = Runner.run_streamed(
            self.agent, await simple_to_agent_input(items), context=agent_context
        )
        try:
            async for event in stream_agent_response(agent_context, result):
                yield event
        finally:
            result.cancel()  # the model and the tools stop with the turn

    async def _cut_short(self, thread: ThreadMetadata, context: RequestContext) -> list[ThreadItem]:
        """Return the answer before the new message and the note that it was stopped, or nothing."""
        page = await self.store.load_thread_items(thread.id, None, 3, "desc", context)
        before = page.data[1:]
        if not before or before[0].type != "sdk_hidden_context":
            return []
        return [item for item in reversed(before) if item.type != "user_message"]
