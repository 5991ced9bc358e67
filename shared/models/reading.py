"""What a model was sent, sorted: the only thing the offline model ever knows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from shared.models.tokens import text_of

# ChatKit's ThreadItemConverter sends these in the user's name, though the user did not write them.
_NOTES = (
    "Hidden context for the agent",
    "The user is referring to this in particular:",
    "# User-provided context for @-mentions",
    "A message was displayed to the user",
    "A structured input request was displayed to the user",
    "The following graphical UI widget",
)
_TAGS = re.compile(r"</?HiddenContext>")
# A sentence is about the user when it begins with them, or goes on with them after a comma or a
# colon ("Summary: the user asked for …"). "Help the user" is about the agent.
_ABOUT_USER = re.compile(
    r"(?:^|[,:;(]\s*)\W*(?:(?:the|this)\s+)?user\b(?!-)|\bprefer", re.IGNORECASE
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


class Output(NamedTuple):
    """What a tool returned: the tool's name ("" where its call was not sent) and the text."""

    tool: str
    text: str


@dataclass(frozen=True)
class Tool:
    """A tool that was offered, with the JSON schema of its parameters."""

    name: str
    schema: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parameters(self) -> Mapping[str, Mapping[str, Any]]:
        """What it takes, by name, in order."""
        properties: Mapping[str, Mapping[str, Any]] = self.schema.get("properties", {})
        return properties

    @property
    def needed(self) -> list[str]:
        """The parameters that have no default, in order."""
        return [name for name, kind in self.parameters.items() if not _is_optional(kind)]

    def about(self, text: str) -> dict[str, Any]:
        """The arguments of a call about `text`: it goes into the first parameter."""
        names = [*self.needed, *self.parameters]
        if not names:
            return {}
        wants_number = self.parameters[names[0]].get("type") == "integer"
        return {names[0]: int(text) if wants_number and text.isdecimal() else text}


@dataclass(frozen=True)
class Reading:
    """The input of one call to a model."""

    instructions: Sequence[str] = ()
    """System and developer messages."""
    notes: Sequence[str] = ()
    """Context that the server sent in the user's name: hidden context, quotes, what was shown."""
    messages: Sequence[str] = ()
    """What the user wrote, oldest first."""
    answers: Sequence[str] = ()
    """What the assistant said, oldest first."""
    outputs: Sequence[Output] = ()
    """What tools returned since the user's last message."""
    tools: Mapping[str, Tool] = field(default_factory=dict)
    tokens: int = 0

    @property
    def asked(self) -> str:
        """The user's last message, or ""."""
        return self.messages[-1] if self.messages else ""

    @property
    def earlier(self) -> Sequence[str]:
        """The user's messages before the last, oldest first."""
        return self.messages[:-1]

    @property
    def facts(self) -> list[str]:
        """Sentences about the user in instructions and notes."""
        return [
            sentence
            for text in (*self.instructions, *self.notes)
            for line in text.splitlines()
            for sentence in _sentences(line.strip(" \t-*•"))
            if _ABOUT_USER.search(sentence)
        ]


def read(
    instructions: str | None,
    items: Iterable[Mapping[str, Any]],
    tools: Mapping[str, Tool],
    tokens: int,
) -> Reading:
    """Sort a model's input: its instructions, and items in the format of the Responses API."""
    system = [instructions] if instructions else []
    notes: list[str] = []
    messages: list[str] = []
    answers: list[str] = []
    outputs: list[Output] = []
    called: dict[str, str] = {}
    for item in items:
        role, text = item.get("role"), text_of(item.get("content"))
        if role in {"system", "developer"}:
            system.append(text)
        elif role == "user" and text.startswith(_NOTES):
            # A quotation stands on the line after ": ", and belongs to its sentence.
            notes.append(_TAGS.sub("", text).replace(": \n", ": "))
        elif role == "user":
            messages.append(text.strip())
            outputs = []
        elif role == "assistant":
            answers.append(text.strip())
        elif item.get("type") == "function_call":
            called[item["call_id"]] = item["name"]
        elif item.get("type") == "function_call_output":
            outputs.append(Output(called.get(item["call_id"], ""), text_of(item.get("output"))))
    return Reading(system, notes, messages, answers, outputs, tools, tokens)


def _sentences(line: str) -> list[str]:
    # "User: …" is a transcript's line, and all of it was said by the user.
    return [line] if line.lower().startswith("user:") else _SENTENCE_END.split(line)


def _is_optional(kind: Mapping[str, Any]) -> bool:
    return "default" in kind or {"type": "null"} in kind.get("anyOf", ())
