"""One request to the provider, read alike whichever of the two wire formats it came in.

The Responses API has `instructions`, an `input` of items, and tool results as items of their own.
Chat Completions has `messages` for everything. `Call` gives both the same names, and `refusal`
says what OpenAI's servers would refuse, for a double that accepts anything proves nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeGuard

Wire = Literal["responses", "chat"]
Json = dict[str, Any]

_PARTS = {
    ("responses", "user"): ("input_text", "input_image", "input_file"),
    ("responses", "assistant"): ("output_text", "refusal"),
    ("responses", "system"): ("input_text",),
    ("chat", "user"): ("text", "image_url", "input_audio", "file"),
    ("chat", "assistant"): ("text", "refusal"),
    ("chat", "system"): ("text",),
    ("chat", "tool"): ("text",),
}
"""The kinds of content part that each role may send, by wire."""


class Message(NamedTuple):
    """A message of the conversation: role `system`, `user` or `assistant`, and its whole text."""

    role: str
    text: str


class ToolOutput(NamedTuple):
    """What a tool returned, and the id of the tool call that it answers."""

    call_id: str
    output: str


@dataclass(eq=False)
class Call:
    """A recorded request, and how far its answer came."""

    wire: Wire
    streamed: bool
    body: Json
    headers: dict[str, str]
    """Names are in lower case."""
    sent: int = 0
    """Text chunks handed to the connection so far. An answer that is not streamed is one send at
    the end, so its chunks count as they are permitted."""
    aborted: bool = False
    """True when the connection closed before the answer was complete."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when nothing more will be sent, whether complete or aborted."""

    @property
    def messages(self) -> list[Message]:
        """Instructions and conversation in order, without tool calls and their outputs.

        `developer` counts as `system`. The text parts of a message are joined with nothing between.
        """
        given = [
            Message(_role(item), _text(item.get("content")))
            for item in self.items
            if _role(item) in {"system", "user", "assistant"} and item.get("content")
        ]
        if self.wire == "responses" and self.body.get("instructions"):
            given.insert(0, Message("system", self.body["instructions"]))
        return given

    @property
    def instructions(self) -> str:
        """All system text, a line break between messages."""
        return "\n".join(text for role, text in self.messages if role == "system")

    @property
    def user_texts(self) -> list[str]:
        """The texts of the user's messages, oldest first."""
        return [text for role, text in self.messages if role == "user"]

    @property
    def tool_names(self) -> list[str]:
        """The names of the function tools offered to the model."""
        tools = _objects(self.body.get("tools"))
        return [tool.get("function", tool).get("name", "") for tool in tools]

    @property
    def tool_outputs(self) -> list[ToolOutput]:
        """What tools returned, oldest first."""
        if self.wire == "responses":
            return [
                ToolOutput(item.get("call_id", ""), _text(item.get("output")))
                for item in self.items
                if item.get("type") == "function_call_output"
            ]
        return [
            ToolOutput(item.get("tool_call_id", ""), _text(item.get("content")))
            for item in self.items
            if item.get("role") == "tool"
        ]

    @property
    def items(self) -> list[Json]:
        """The body's `input` or `messages` as a list."""
        given = self.body.get("input" if self.wire == "responses" else "messages")
        return [{"role": "user", "content": given}] if isinstance(given, str) else _objects(given)

    @property
    def refusal(self) -> str | None:
        """Why OpenAI's servers would answer 400 to this, or None."""
        if not self.body.get("model"):
            return "You must provide a model parameter."
        if self.body.get("previous_response_id"):
            return f"Previous response with id '{self.body['previous_response_id']}' not found."
        name = "input" if self.wire == "responses" else "messages"
        given = self.body.get(name)
        if not given:
            return f"Missing required parameter: '{name}'."
        if not isinstance(given, str) and not _is_list_of_objects(given):
            return f"Invalid type for '{name}': expected a list of objects."
        for problems in (self._wrong_parts(), self._unnamed_calls(), self._unpaired_tools()):
            for problem in problems:
                return problem
        return None

    def _wrong_parts(self) -> Iterator[str]:
        for item in self.items:
            if "role" not in item:
                continue
            role, content = _role(item), item.get("content")
            allowed = _PARTS.get((self.wire, role))
            if allowed is None:
                yield f"Invalid value: '{role}' is not a role of a message."
            elif _is_list_of_objects(content):
                for part in content:
                    if part.get("type") not in allowed:
                        yield (
                            f"Invalid value: '{part.get('type')}'. Supported values for role "
                            f"'{role}' are: {', '.join(map(repr, allowed))}."
                        )
            elif not isinstance(content, str) and not item.get("tool_calls"):
                yield "Invalid value for 'content': expected a string or a list of objects."

    def _unnamed_calls(self) -> Iterator[str]:
        for item in self.items:
            kind = item.get("type")
            if kind in {"function_call", "function_call_output"} and not item.get("call_id"):
                yield f"Missing required parameter: 'call_id' of a {kind}."
            if item.get("role") == "tool" and not item.get("tool_call_id"):
                yield "Missing required parameter: 'tool_call_id' of a tool message."

    def _unpaired_tools(self) -> Iterator[str]:
        waiting: list[str] = []
        for item in self.items:
            if answered := _answered_call(item):
                if answered not in waiting:
                    yield f"No tool call found for function call output with call_id {answered}."
                else:
                    waiting.remove(answered)
            elif waiting and self.wire == "chat":
                break  # Chat Completions wants the outputs right after the calls.
            else:
                waiting += _made_calls(item)
        yield from (f"No tool output found for function call {call_id}." for call_id in waiting)


def _role(item: Json) -> str:
    role = str(item.get("role", ""))
    return "system" if role == "developer" else role


def _is_list_of_objects(value: Any) -> TypeGuard[list[Json]]:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _objects(value: Any) -> list[Json]:
    """The objects in a list: refused requests are recorded too, whatever is in them."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in _objects(content))


def _answered_call(item: Json) -> str | None:
    """The id of the tool call that this item holds the output of."""
    return item.get("tool_call_id") or (
        item.get("call_id") if item.get("type") == "function_call_output" else None
    )


def _made_calls(item: Json) -> list[str]:
    """The ids of the tool calls that this item makes."""
    if item.get("type") == "function_call":
        return [item["call_id"]]
    return [call["id"] for call in item.get("tool_calls") or []]
