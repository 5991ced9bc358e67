"""The ChatKit server: what happens when somebody says something."""

from collections.abc import AsyncIterator

from agents import Agent, Runner
from chatkit.agents import AgentContext, simple_to_agent_input, stream_agent_response
from chatkit.server import ChatKitServer
from chatkit.store import Store
from chatkit.types import ThreadMetadata, ThreadStreamEvent, UserMessageItem

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
            if event.type != "thread.item.added":
                yield event
