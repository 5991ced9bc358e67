"""How much of the model's context window a call takes."""

from __future__ import annotations

import json

from checkpoints.engine.provider import Call
from shared.models import count_tokens
from shared.settings import Settings

WINDOW = Settings().context_window
TOLERANCE = 1.1
"""A work may count tokens by another rule; so far it may be off."""
MOST = int(WINDOW * TOLERANCE)


def tokens_in(call: Call) -> int:
    """Input, instructions and tools, counted as the offline model does."""
    items = [_with_arguments(item) for item in call.items]
    total = count_tokens(items, instructions=call.body.get("instructions"))
    for tool in call.body.get("tools") or []:
        about = tool.get("function", tool)
        schema = json.dumps(about.get("parameters"))
        total += count_tokens(f"{about.get('name')}{about.get('description')}{schema}")
    return total


def _with_arguments(item: dict[str, object]) -> dict[str, object]:
    """Chat Completions writes tool calls beside the text of a message: count them as text."""
    if not item.get("tool_calls"):
        return item
    return {"content": f"{item.get('content') or ''}{json.dumps(item['tool_calls'])}"}
