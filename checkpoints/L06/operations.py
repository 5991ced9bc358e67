"""The sixteen operations of the protocol, each asked of a thread and an item."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from checkpoints.engine.client import user_input

Json = dict[str, Any]

_ACTION = {"type": "open", "payload": {}}
_STRUCTURED = {"status": "answered", "answers": {"why": {"values": ["because"]}}}
_FILE = {"name": "plan.txt", "size": 3, "mime_type": "text/plain"}
_AUDIO = {"audio_base64": "YQ==", "mime_type": "audio/webm"}

_PARAMS: dict[str, Callable[[str, str, str], Json]] = {
    # Those that read come first, and what deletes comes last: the others then find what is there.
    "threads.list": lambda thread, item, text: {"limit": 20},
    "threads.get_by_id": lambda thread, item, text: {"thread_id": thread},
    "items.list": lambda thread, item, text: {"thread_id": thread, "limit": 20},
    "items.feedback": lambda thread, item, text: {
        "thread_id": thread,
        "item_ids": [item],
        "kind": "positive",
    },
    "input.transcribe": lambda thread, item, text: _AUDIO,
    "attachments.create": lambda thread, item, text: _FILE,
    "attachments.delete": lambda thread, item, text: {"attachment_id": item},
    "threads.create": lambda thread, item, text: {"input": user_input(text)},
    "threads.sync_custom_action": lambda thread, item, text: {
        "thread_id": thread,
        "item_id": item,
        "action": _ACTION,
    },
    "threads.custom_action": lambda thread, item, text: {
        "thread_id": thread,
        "item_id": item,
        "action": _ACTION,
    },
    "threads.add_structured_input": lambda thread, item, text: {
        "thread_id": thread,
        "item_id": item,
        "input": _STRUCTURED,
    },
    "threads.add_client_tool_output": lambda thread, item, text: {
        "thread_id": thread,
        "result": {"said": text},
    },
    "threads.update": lambda thread, item, text: {"thread_id": thread, "title": text},
    "threads.add_user_message": lambda thread, item, text: {
        "thread_id": thread,
        "input": user_input(text),
    },
    "threads.retry_after_item": lambda thread, item, text: {"thread_id": thread, "item_id": item},
    "threads.delete": lambda thread, item, text: {"thread_id": thread},
}

ALL = tuple(_PARAMS)
OF_A_THREAD = tuple(name for name in ALL if "thread_id" in _PARAMS[name]("", "", ""))
OF_AN_ID = tuple(
    name for name in ALL if name in {*OF_A_THREAD, "threads.create", "attachments.delete"}
)
"""Where an id of somebody else's can be named. `threads.create` takes none, and is given one."""
OF_AN_ITEM = tuple(
    name for name in OF_A_THREAD if {"item_id", "item_ids"} & _PARAMS[name]("", "", "").keys()
)


def request(operation: str, thread: str, item: str, text: str) -> Json:
    """The body that asks for the operation; where it says something, it says the text."""
    return {"type": operation, "params": _PARAMS[operation](thread, item, text)}


__all__ = ["ALL", "OF_AN_ID", "OF_AN_ITEM", "OF_A_THREAD", "Json", "request"]
