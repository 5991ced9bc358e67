"""When the offline model calls a tool, with what arguments, and how it reports what came back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from shared.models import recall
from shared.models.answers import Decision, Say, Use
from shared.models.reading import Reading, Tool

CREATE, LIST, COMPLETE, SUMMARY = "create_task", "list_tasks", "complete_task", "task_summary"
ANALYSE = "analyse_documents"
REMEMBER = "remember_fact"

_AROUND = " \t\n\"'“”.,:;!?#"
_ON_MY_LIST = re.compile(
    r"\s+(?:to|on|onto)\s+(?:my|the)\s+(?:(?:task|to-?do)s?\s*)?(?:list|tasks|to-?dos)[.!?\s]*$",
    re.IGNORECASE,
)
_OF_PROJECT = re.compile(r"project(?:['’]s)?\s*(?P<name>.*)", re.IGNORECASE)
_POLITE = r"(?:(?:please|can you|could you|use|call|run|the|tool)\s+)*"


def create(match: re.Match[str], reading: Reading) -> Decision:
    """Add a task."""
    title = _ON_MY_LIST.sub("", match["title"]).strip(_AROUND)
    if title:
        return _task_tool(reading, CREATE, "title", title)
    return Say("What shall the task be called? Write, for example: “add buy milk”.")


def list_all(_: re.Match[str], reading: Reading) -> Decision:
    """Show my tasks."""
    return _task_tool(reading, LIST)


def complete(match: re.Match[str], reading: Reading) -> Decision:
    """Task 2 is done."""
    return _task_tool(reading, COMPLETE, "task", match["task"].strip(_AROUND))


def summary(_: re.Match[str], reading: Reading) -> Decision:
    """How am I doing?"""
    return _task_tool(reading, SUMMARY)


def analyse(_: re.Match[str], reading: Reading) -> Decision:
    """Analyse the documents."""
    return _task_tool(reading, ANALYSE)


def remember(match: re.Match[str], reading: Reading) -> Decision:
    """My language is German."""
    tool = reading.tools.get(REMEMBER)
    if tool is None:
        return recall.learn(match, reading)
    kind, name = "preference", " ".join(match["thing"].split())
    if project := _OF_PROJECT.match(name):
        kind, name = "project", project["name"] or "name"
    return _use(tool, {"kind": kind, "name": name, "value": match["value"].strip()})


def named(reading: Reading) -> Decision | None:
    """A call of the tool whose name the message begins with: "import tasks from plan.csv".

    A JSON object after the name is all of the arguments; other text is the first of them.
    """
    for tool in reading.tools.values():
        if tool.name in {CREATE, LIST, COMPLETE, SUMMARY}:
            continue  # These have better rules.
        name = r"[\s_]+".join(map(re.escape, tool.name.split("_")))
        match = re.match(
            rf"{_POLITE}`?{name}`?(?!\w)(?:\s+(?:with|from|for)\b)?[\s:,]*(?P<text>.*)",
            reading.asked,
            re.IGNORECASE | re.DOTALL,
        )
        if match:
            return _called_with(tool, match["text"])
    return None


def report(reading: Reading) -> Say:
    """What the tools returned, in their own words, also where that is an error."""
    texts = [output.text.strip() or "The tool returned nothing." for output in reading.outputs]
    text = "\n\n".join(f"```json\n{text}\n```" if text[0] in "[{" else text for text in texts)
    return Say(f"Here is what I found:\n\n{text}" if "\n" in text else text)


def _task_tool(reading: Reading, name: str, parameter: str = "", value: str = "") -> Decision:
    tool = reading.tools.get(name)
    if tool is None:
        return Say(f"I can't do that: no tool `{name}` was sent to me with your message.")
    if not parameter:
        return _use(tool, {})
    # Where a server calls the parameter something else, the first one will be it.
    return _use(tool, {parameter: value} if parameter in tool.parameters else tool.about(value))


def _called_with(tool: Tool, text: str) -> Decision:
    if text.startswith("{"):
        try:
            return _use(tool, json.JSONDecoder().raw_decode(text)[0])
        except ValueError as error:
            return Say(f"What you wrote after `{tool.name}` is not JSON: {error}.")
    if not tool.needed:
        return _use(tool, {})
    if text := text.strip(_AROUND):
        return _use(tool, tool.about(text))
    return Say(f"`{tool.name}` needs {', '.join(tool.needed)}: write it after the tool's name.")


def _use(tool: Tool, arguments: Mapping[str, object]) -> Use:
    return Use(tool.name, json.dumps(arguments, ensure_ascii=False))
