"""The agent's slow tool: it reads many documents, and says how far it has come."""

from agents import RunContextWrapper, function_tool
from chatkit.agents import AgentContext
from chatkit.types import AssistantMessageContent, AssistantMessageItem, ThreadItemDoneEvent

from shared.clock import now
from shared.context import RequestContext
from shared.task_manager import analyse, project_documents


@function_tool
async def analyse_documents(wrapper: RunContextWrapper[AgentContext[RequestContext]]) -> str:
    """Analyse the minutes of the project's meetings and list the points that are still open."""
    documents = project_documents()
    found: list[str] = []
    for number, document in enumerate(documents, start=1):
        text = f"Analysing document {number} of {len(documents)}"
        context = wrapper.context
        item = AssistantMessageItem(
            id=context.generate_id("message"),
            thread_id=context.thread.id,
            created_at=now(),
            content=[AssistantMessageContent(text=text)],
        )
        await context.stream(ThreadItemDoneEvent(item=item))
        found += await analyse(document)
    return "\n".join([f"{len(found)} open points in {len(documents)} documents:", *found])
