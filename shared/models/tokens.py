"""Counts tokens as the offline model does: without a vocabulary, the same on every machine.

A tokenizer needs a file of some megabytes for each family of models. This rule needs none and is
near enough to plan with: English text has about four bytes to a token, and each message adds a few
tokens that say who speaks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

BYTES_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4


def count_tokens(
    given: str | Iterable[Mapping[str, Any]], *, instructions: str | None = None
) -> int:
    """How many tokens a text, or a model's whole input, takes.

    A str: one token for each 4 bytes of its UTF-8, rounded up. A list of input items (messages,
    tool calls and tool outputs, as in the Responses API): that for the text of each item, plus 4
    for each item. `instructions` count as one more message.
    """
    if isinstance(given, str):
        total = -(-len(given.encode(errors="replace")) // BYTES_PER_TOKEN)
    else:
        total = sum(TOKENS_PER_MESSAGE + count_tokens(_item_text(item)) for item in given)
    if instructions:
        total += TOKENS_PER_MESSAGE + count_tokens(instructions)
    return total


def text_of(content: Any) -> str:
    """The text of a message's content or of a tool's output: a str, or a list of parts.

    Parts that are no text, such as images, have none.
    """
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list | tuple) else []
    return "".join(str(part.get("text") or part.get("refusal") or "") for part in parts)


def _item_text(item: Mapping[str, Any]) -> str:
    if item.get("type") == "function_call":
        return f"{item.get('name', '')}{item.get('arguments', '')}"
    return text_of(item.get("output") if "output" in item else item.get("content"))
