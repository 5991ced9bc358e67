"""What the agent remembers for the rest of a conversation, whatever falls out of its window.

Facts lie in the thread's metadata. ChatKitServer never sends that to a page.
"""

from typing import Literal

from agents import RunContextWrapper, function_tool
from chatkit.agents import AgentContext
from chatkit.types import ThreadMetadata

from shared.context import RequestContext

MOST = 20  # facts of a kind
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
    facts = thread.metadata.setdefault("facts", {}).setdefault(kind, {})
    facts[name] = value
    for oldest in list(facts)[:-MOST]:
        del facts[oldest]
    # Now, and not with the next event: a stop in between would lose what we say we remember.
    await wrapper.context.store.save_thread(thread, wrapper.context.request_context)
    return f"Remembered: {name} is {value}."


def facts_about(thread: ThreadMetadata) -> list[str]:
    """Return the thread's facts, a sentence each."""
    return [
        f"The user's {kind}: {name} is {value}."
        for kind, facts in thread.metadata.get("facts", {}).items()
        for name, value in facts.items()
    ]
