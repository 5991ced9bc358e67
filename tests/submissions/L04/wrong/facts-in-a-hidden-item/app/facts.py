"""What the agent remembers for the rest of a conversation, whatever falls out of its window.

Facts lie in the thread's metadata. ChatKitServer never sends that to a page.
"""

from typing import Literal

from agents import RunContextWrapper, function_tool
from chatkit.agents import AgentContext
from chatkit.types import HiddenContextItem, ThreadItem

from shared.clock import now
from shared.context import RequestContext

LONGEST = 100  # characters of a name or a value


@function_tool
async def remember_fact(
    wrapper: RunContextWrapper[AgentContext[RequestContext]],
    kind: Literal["preference", "project"],
    name: str,
    value: str,
) -> str:
    """Remember a fact for the rest of this conversation.

    Args:
        kind: preference, for how the person wants things; project, for what they work on.
        name: What the fact is about, such as language.
        value: What holds for it, such as German.
    """
    thread = wrapper.context.thread
    name, value = (" ".join(text.split())[:LONGEST] for text in (name, value))
    context, request = wrapper.context, wrapper.context.request_context
    note = HiddenContextItem(
        id=context.generate_id("hidden_context_item", thread),
        thread_id=thread.id,
        created_at=now(),
        content=f"FACT The user's {kind}: {name} is {value}.",
    )
    await context.store.add_thread_item(thread.id, note, request)
    return f"Remembered: {name} is {value}."


def is_fact(item: ThreadItem) -> bool:
    """Whether it is one of our notes."""
    return isinstance(item, HiddenContextItem) and str(item.content).startswith("FACT ")
