"""The sixteen operations of the protocol, each asked of a thread and an item."""

from __future__ import annotations

from typing import Any

from checkpoints.engine.client import user_input

Json = dict[str, Any]


def request(operation: str, thread: str, item: str, text: str) -> Json:
    """The body that asks for the operation; where it says something, it says the text."""
    return {"type": operation, "params": _params(thread, item, text)[operation]}


def _params(thread: str, item: str, text: str) -> dict[str, Json]:
    in_thread = {"thread_id": thread}
    at_item = {**in_thread, "item_id": item}
    message = {"input": user_input(text)}
    action = {"action": {"type": "open", "payload": {"said": text}}}
    answered = {"status": "answered", "answers": {"why": {"values": [text]}}}
    return {
        # Those that read come first, and what deletes comes last: the others then find what is there.
        "threads.list": {"limit": 20},
        "threads.get_by_id": in_thread,
        "items.list": {**in_thread, "limit": 20},
        "items.feedback": {**in_thread, "item_ids": [item], "kind": "positive"},
        "input.transcribe": {"audio_base64": "YQ==", "mime_type": "audio/webm"},
        "attachments.create": {"name": text, "size": 3, "mime_type": "text/plain"},
        "attachments.delete": {"attachment_id": item},
        "threads.create": message,
        "threads.sync_custom_action": {**at_item, **action},
        "threads.custom_action": {**at_item, **action},
        "threads.add_structured_input": {**at_item, "input": answered},
        "threads.add_client_tool_output": {**in_thread, "result": {"said": text}},
        "threads.update": {**in_thread, "title": text},
        "threads.add_user_message": {**in_thread, **message},
        "threads.retry_after_item": at_item,
        "threads.delete": in_thread,
    }


_NAMED = {operation: params.keys() for operation, params in _params("", "", "").items()}

ALL = tuple(_NAMED)
OF_A_THREAD = tuple(name for name in ALL if "thread_id" in _NAMED[name])
OF_AN_ID = tuple(
    name for name in ALL if name in {*OF_A_THREAD, "threads.create", "attachments.delete"}
)
"""Where an id of somebody else's can be named. `threads.create` takes none, and is given one."""
OF_AN_ITEM = tuple(name for name in OF_A_THREAD if {"item_id", "item_ids"} & _NAMED[name])
