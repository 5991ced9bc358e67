"""The ChatKit server: what happens when somebody says something."""

import json
from collections.abc import AsyncIterator

from agents import Agent, Runner
from chatkit.agents import AgentContext, simple_to_agent_input, stream_agent_response
from chatkit.server import ChatKitServer, NonStreamingResult, StreamingResult
from chatkit.store import Store
from chatkit.types import ThreadItem, ThreadMetadata, ThreadStreamEvent, UserMessageItem

from app.turns import Turns
from shared.context import RequestContext


class TaskServer(ChatKitServer[RequestContext]):
    """Answers each message of a thread with an agent, word by word."""

    def __init__(
        self, store: Store[RequestContext], agent: Agent[AgentContext[RequestContext]]
    ) -> None:
        """Keep the agent; ChatKitServer keeps the Store."""
        super().__init__(store)
        self.agent = agent

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
        result = Runner.run_streamed(
            self.agent,
            await simple_to_agent_input(input_user_message),
            context=agent_context,
        )
        async for event in stream_agent_response(agent_context, result):
            yield event

    async def process(
        self, request: str | bytes | bytearray, context: RequestContext
    ) -> StreamingResult | NonStreamingResult:
        """Let a new turn take the place of the one that still runs in its thread."""
        # What the base class does, until you have written yours: lesson 3, “7. A new message interrupts”.
        return await super().process(request, context)

    async def _cut_short(self, thread: ThreadMetadata, context: RequestContext) -> list[ThreadItem]:
        """Return the answer before the new message and the note that it was stopped, or nothing."""
        raise NotImplementedError(
            "_cut_short() is not written yet: lesson 3, “8. Stop the model, and tell it”."
        )
