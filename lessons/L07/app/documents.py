"""The agent's slow tool: it reads many documents, and says how far it has come."""

from agents import RunContextWrapper, function_tool
from chatkit.agents import AgentContext
from chatkit.types import ProgressUpdateEvent

from shared.context import RequestContext
from shared.task_manager import analyse, project_documents


@function_tool
async def analyse_documents(wrapper: RunContextWrapper[AgentContext[RequestContext]]) -> str:
    """Analyse the minutes of the project's meetings and list the points that are still open."""
    documents = project_documents()
    found: list[str] = []
    for number, document in enumerate(documents, start=1):
        text = f"Analysing document {number} of {len(documents)}"
        await wrapper.context.stream(ProgressUpdateEvent(icon="document", text=text))
        found += await analyse(document)
    return "\n".join([f"{len(found)} open points in {len(documents)} documents:", *found])
