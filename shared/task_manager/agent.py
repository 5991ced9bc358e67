"""The Task Manager: an agent with four tools for the tasks of whoever is speaking, and your own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agents import (
    Agent,
    ModelBehaviorError,
    RunContextWrapper,
    Tool,
    function_tool,
)
from chatkit.agents import AgentContext

from shared.context import RequestContext
from shared.models import get_model
from shared.task_manager.storage import Task, TaskError, TaskStorage

INSTRUCTIONS = """\
You are the Task Manager. You help one person to keep track of their tasks.
Use the tools for everything about tasks; never answer from memory, and never make up a task.
When a tool says that something is not possible, tell the person why.
Answer in one or two short sentences. Show a list of tasks line by line, as the tool gives it.
"""

Context = RunContextWrapper[AgentContext[RequestContext]]


def task_manager(
    storage: TaskStorage, tools: Sequence[Tool] = ()
) -> Agent[AgentContext[RequestContext]]:
    """Return the agent, with further `tools` beside its own.

    Its runs need `context=`: a `chatkit.agents.AgentContext` whose `request_context` names the
    user. Without one its tools raise TypeError.
    """
    return Agent(
        name="Task Manager",
        instructions=INSTRUCTIONS,
        model=get_model(),
        tools=[*_tools(storage), *tools],
    )


def _tools(storage: TaskStorage) -> list[Tool]:
    # What stands in a tool's docstring is sent to the model.

    @function_tool(failure_error_function=_tell_the_model)
    async def create_task(ctx: Context, title: str) -> str:
        """Create a task.

        Args:
            title: What is to be done, in the person's own words.
        """
        task = await storage.create(_user(ctx), title)
        return f"Created task {task.number}: {task.title}"

    @function_tool(failure_error_function=_tell_the_model)
    async def list_tasks(ctx: Context) -> str:
        """List all tasks, one on each line: number, [x] if it is done, title."""
        tasks = await storage.list(_user(ctx))
        return "\n".join(map(_line, tasks)) or "No tasks yet."

    @function_tool(failure_error_function=_tell_the_model)
    async def complete_task(ctx: Context, task: str) -> str:
        """Mark a task as done.

        Args:
            task: The task's number or its title.
        """
        completed = await storage.complete(_user(ctx), task)
        return f"Completed task {completed.number}: {completed.title}"

    @function_tool(failure_error_function=_tell_the_model)
    async def task_summary(ctx: Context) -> str:
        """Count the tasks: all, done, open."""
        counts = await storage.summary(_user(ctx))
        tasks = "1 task" if counts.total == 1 else f"{counts.total} tasks"
        return f"{tasks}: {counts.done} done, {counts.open} open."

    return [create_task, list_tasks, complete_task, task_summary]


def _line(task: Task) -> str:
    return f"{task.number}. [{'x' if task.done else ' '}] {task.title}"


def _user(ctx: RunContextWrapper[Any]) -> str:
    """Return who is speaking. The model is never asked: it can be talked into any name."""
    if not isinstance(ctx.context, AgentContext):
        given = "without `context=`"
        if ctx.context is not None:
            given = f"with a {type(ctx.context).__name__} as its `context=`"
        raise TypeError(
            f"The Task Manager does not know who is speaking: this run was started {given}. "
            "Start it with Runner.run_streamed(agent, input, context=agent_context), where "
            "agent_context is an AgentContext."
        )
    user_id: str = ctx.context.request_context.user_id
    return user_id


def _tell_the_model(ctx: RunContextWrapper[Any], error: Exception) -> str:
    """Return what the model can do something about. Raise the rest, for the developer to see:
    as a tool's output it would vanish into a polite apology."""
    if isinstance(error, TaskError):
        return str(error)
    if isinstance(error, ModelBehaviorError):  # its arguments do not fit the tool
        return f"{error}. Send the arguments that the tool's schema asks for."
    raise error


__all__ = ["INSTRUCTIONS", "task_manager"]
