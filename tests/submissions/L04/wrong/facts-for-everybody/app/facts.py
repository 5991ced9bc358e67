"""What the agent remembers for the rest of a conversation, whatever falls out of its window.

Facts lie in the thread's metadata. ChatKitServer never sends that to a page.
"""

import json
from typing import Literal

from agents import RunContextWrapper, function_tool
from chatkit.agents import AgentContext
from chatkit.types import ThreadMetadata

from shared.context import RequestContext
from shared.settings import get_settings

FILE = get_settings().database.with_name("facts.json")
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
    name, value = (" ".join(text.split())[:LONGEST] for text in (name, value))
    facts = _load()
    facts.setdefault(kind, {})[name] = value
    FILE.write_text(json.dumps(facts), encoding="utf-8")
    return f"Remembered: {name} is {value}."


def _load() -> dict[str, dict[str, str]]:
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}


def facts_about(thread: ThreadMetadata) -> list[str]:
    """Return the thread's facts, a sentence each."""
    return [
        f"The user's {kind}: {name} is {value}."
        for kind, facts in _load().items()
        for name, value in facts.items()
    ]
