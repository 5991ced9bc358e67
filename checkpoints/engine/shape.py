"""Whether what came over the wire has the protocol's shape, as far as the checks look into it."""

from __future__ import annotations

from typing import Any

_DELTA = "assistant_message.content_part.text_delta"


def is_event(value: Any) -> bool:
    """One frame's JSON is an event that a client could use."""
    match value:
        case {"type": "thread.created" | "thread.updated", "thread": {"id": str()}}:
            return True
        case {"type": "thread.item.added" | "thread.item.done" | "thread.item.replaced", **rest}:
            return is_item(rest.get("item"))
        case {"type": "thread.item.removed", "item_id": str()}:
            return True
        case {"type": "thread.item.updated", "item_id": str(), "update": {"type": str(kind)}}:
            return kind != _DELTA or isinstance(value["update"].get("delta"), str)
        case {"type": str(kind)}:
            return not kind.startswith("thread.")
    return False


def is_item(value: Any) -> bool:
    """An item of a thread: an id, a type and, for a message, parts with text."""
    match value:
        case {"id": str(), "type": str()}:
            content = value.get("content", [])
            return isinstance(content, list) and all(
                isinstance(part, dict) and isinstance(part.get("text", ""), str) for part in content
            )
    return False


def is_answer(operation: str, value: Any) -> bool:
    """The JSON that answers this operation."""
    match operation, value:
        case "items.list", {"data": [*items]}:
            return all(is_item(item) for item in items)
        case "threads.list", {"data": [*threads]}:
            return all(isinstance(one, dict) and isinstance(one.get("id"), str) for one in threads)
        case (("items.list" | "threads.list"), _):
            return False
    return isinstance(value, dict)
