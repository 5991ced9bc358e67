"""What the offline model can answer with, and how it words lists and quotations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

NEWEST = 10
"""How many earlier messages it repeats at most."""


class Say(NamedTuple):
    """Answer with this text (Markdown)."""

    text: str


class Use(NamedTuple):
    """Call this tool. `arguments` is a JSON object."""

    tool: str
    arguments: str


Decision: TypeAlias = Say | Use


def short(text: str, longest: int = 200) -> str:
    """The text on one line, cut where it is longer."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def bullets(texts: Sequence[str]) -> str:
    """A Markdown list."""
    return "\n".join(f"- {text}" for text in texts)


def numbered_messages(messages: Sequence[str]) -> str:
    """The user's earlier messages, as a sentence or a list: the newest, if they are many."""
    if len(messages) == 1:
        return f"Earlier you wrote: “{short(messages[0])}”"
    first = max(0, len(messages) - NEWEST)
    lines = "\n".join(
        f"{number}. “{short(text)}”" for number, text in enumerate(messages[first:], first + 1)
    )
    older = f" The first is “{short(messages[0])}”; here are the newest." if first else ""
    return f"I can see {len(messages)} earlier messages of yours.{older}\n\n{lines}"
