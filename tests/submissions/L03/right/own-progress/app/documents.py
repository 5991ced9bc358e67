"""The agent's slow tool: it reads many documents, and says how far it has come."""

from agents import RunContextWrapper, function_tool
from chatkit.agents import AgentContext
from chatkit.types import CustomTask, ProgressUpdateEvent

from shared.context import RequestContext
from shared.task_manager import analyse, project_documents


@function_tool
async def analyse_documents(wrapper: RunContextWrapper[AgentContext[RequestContext]]) -> str:
    """Analyse the minutes of the project's meetings and list the points that are still open."""
    documents = project_documents()
    found: list[str] = []
    for done, document in enumerate(documents, start=1):
        if done % 10 == 1:
            await wrapper.context.add_workflow_task(CustomTask(title=f"From {document.title}"))
        found += await analyse(document)
        text = f"{done}/{len(documents)} read: {document.title}"
        await wrapper.context.stream(ProgressUpdateEvent(text=text))
    await wrapper.context.stream(ProgressUpdateEvent(text=f"Done, {len(found)} points found."))
    await wrapper.context.end_workflow()
    return "\n".join([f"{len(found)} open points in {len(documents)} documents:", *found])
