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
        raise NotImplementedError(
            "__init__() is not written yet: lesson 2, “3. The server class”."
        )

    async def respond(
        self,
        thread: ThreadMetadata,
        input_user_message: UserMessageItem | None,
        context: RequestContext,
    ) -> AsyncIterator[ThreadStreamEvent]:
        """Run the agent on the new message and yield its answer as ChatKit events."""
        raise NotImplementedError(
            "respond() is not written yet: lesson 2, “4. Answer: respond()”."
        )
        yield  # makes this function an async generator; keep a yield in yours
