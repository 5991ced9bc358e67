"""The agent's slow tool: it reads many documents, and says how far it has come."""

from agents import RunContextWrapper, function_tool
from chatkit.agents import AgentContext
from chatkit.types import ProgressUpdateEvent

from shared.context import RequestContext
from shared.task_manager import analyse, project_documents


@function_tool
async def analyse_documents(wrapper: RunContextWrapper[AgentContext[RequestContext]]) -> str:
    """Analyse the minutes of the project's meetings and list the points that are still open."""
    raise NotImplementedError(
        "analyse_documents() is not written yet: lesson 3, “3. Say how far it has come”."
    )
