"""The agent's slow tool, document by document: what it does, and what it says of it meanwhile."""

from __future__ import annotations

import re

from checkpoints.engine.client import ChatKit, Event, Turn, text_of
from checkpoints.engine.lockstep import PATIENCE_SECONDS, eventually
from checkpoints.engine.midway import Script
from checkpoints.engine.provider import CallTools, Provider, Say, ToolUse
from checkpoints.engine.server import StudentServer
from checkpoints.engine.verdict import Failed
from checkpoints.engine.words import Words
from shared.task_manager import project_documents

TOOL = "analyse_documents"
DOCUMENTS = len(project_documents())
OPEN_POINTS = [
    line.removeprefix("OPEN: ")
    for document in project_documents()
    for line in document.text.splitlines()
    if line.startswith("OPEN: ")
]
_DOCUMENT_SECONDS = 25.0  # on the server's clock, where one document takes 20
_PATIENCE_SECONDS = 2 * PATIENCE_SECONDS


def tool_turn(words: Words, script: Script, answer: str = "ok") -> str:
    """A message on which the model calls the tool, and then answers."""
    question = words.sentence()
    script.answer(question, CallTools([ToolUse(TOOL, {})]), Say(answer))
    return question


class Analysis:
    """What the documents' analysis reports from now on, not what an earlier one has left."""

    def __init__(self, server: StudentServer) -> None:
        self._server = server
        self._before = len(server.work_done)

    def of(self, *phases: str) -> list[str]:
        """The documents that were started, ended or cancelled, in order of time."""
        reports = self._server.work_done[self._before :]
        return [document for document, phase in reports if phase in phases]

    async def reaches(self, number: int, turn: Turn) -> bool:
        """Whether the tool comes to this document before its turn is over."""

        def settled() -> bool:
            return len(self.of("started")) >= number or turn.over()

        await eventually(settled, _PATIENCE_SECONDS)
        return len(self.of("started")) >= number and not turn.over()

    async def next_document(self, person: ChatKit) -> None:
        """Let the time pass that one document takes."""
        # The document says that it begins, and then looks at the clock. By the time that the server
        # answers somebody it has done both.
        await person.ask("threads.list", limit=1)
        self._server.move_clock(_DOCUMENT_SECONDS)


async def require_progress(turn: Turn, number: int) -> None:
    """While this document stands still, the person has heard of it, or of the one before."""

    def heard() -> bool:
        turn.over()
        near = {number - 1, number, number + 1}
        return number == 1 or any(near & _numbers(event)[0] for event in _updates(turn))

    told = await eventually(heard, _PATIENCE_SECONDS)
    said = [event.get("text") for event in _updates(turn)]
    if any(min(_numbers(event)[0], default=0) > number + 1 for event in _updates(turn)):
        observed = f"While document {number} was analysed, “{said[-1]}” had been sent already."
    elif told:
        return
    elif any(str(number - 1) in re.findall(r"\d+", text_of(item)) for item in turn.answers):
        observed = "The progress came as messages of the assistant. They stay in the conversation."
    else:
        last = f"only “{said[-1]}”" if said else "no `progress_update`"
        observed = f"While document {number} of {DOCUMENTS} was analysed, {last} had come."
    raise Failed(
        tried=turn.tried,
        observed=observed,
        expected="Before each document the tool sends a `ProgressUpdateEvent` with its number and the "
        "total through `wrapper.context.stream(...)`, so that the person sees it while the tool works.",
        misconception="no-progress",
    )


def require_all_reported(turn: Turn) -> None:
    """The updates named the documents, nearly all of them, and how many there are."""
    told = [_numbers(event) for event in _updates(turn)]
    if not any(numbers and total for numbers, total in told):
        raise Failed(
            tried=turn.tried,
            observed="The updates do not say how many documents there are: "
            f"“{_updates(turn)[0].get('text')}”.",
            expected=f"Each one names the document's number and the total, which is {DOCUMENTS}. "
            "“15” alone does not tell whether the work has just begun or is nearly done.",
            misconception="no-total",
        )
    reported: set[int] = set().union(*(numbers for numbers, _ in told))
    missing = sorted(set(range(1, DOCUMENTS)) - reported)
    if len(missing) > 1:
        raise Failed(
            tried=turn.tried,
            observed=f"No update named document {missing[0]}, nor {len(missing) - 1} others.",
            expected="There is a `progress_update` before each document.",
            misconception="no-progress",
        )
    if 0 in reported and DOCUMENTS not in reported:
        raise Failed(
            tried=turn.tried,
            observed=f"The first update was “{_updates(turn)[0].get('text')}”, and the last one "
            f"“{_updates(turn)[-1].get('text')}”.",
            expected=f"People count from 1: the first of {DOCUMENTS} documents is 1, and the last one "
            f"{DOCUMENTS}. `enumerate(documents, start=1)` counts like that.",
            misconception="counts-from-zero",
        )


def _updates(turn: Turn) -> list[Event]:
    return turn.of_type("progress_update")


def _numbers(event: Event) -> tuple[set[int], bool]:
    """The numbers in a progress text beside the total, and whether the total is there."""
    numbers = [int(number) for number in re.findall(r"\d+", event.get("text") or "")]
    if total := DOCUMENTS in numbers:
        numbers.remove(DOCUMENTS)
    return set(numbers), total


def not_analysed(turn: Turn, model: Provider, analysis: Analysis) -> Failed:
    """Why the documents were not analysed."""
    if not any(TOOL in call.tool_names for call in model.calls):
        offered = sorted({name for call in model.calls for name in call.tool_names})
        return Failed(
            tried=turn.tried,
            observed=f"The model was offered no tool of that name, only: {', '.join(offered)}.",
            expected=f"Your agent has a tool `{TOOL}`: a `@function_tool` of this name, handed to "
            "`task_manager(..., tools=[...])`.",
            misconception="tool-missing",
        )
    turn.require_no_error()
    begun = len(analysis.of("started"))
    if not begun:
        return Failed(
            tried=turn.tried,
            observed="The tool was called, and `analyse()` of no document was begun. Your tool goes "
            "round it.",
            expected="The tool awaits `analyse(document)` of `shared.task_manager` for each of "
            "`project_documents()`. A tool that only sleeps analyses nothing, and `time.sleep` "
            "stops everybody's answers.",
            misconception="goes-round-analyse",
        )
    return Failed(
        tried=turn.tried,
        observed=f"Of {DOCUMENTS} documents {begun} were begun, and then no more.",
        expected="The tool analyses all of `project_documents()`, one after the other.",
        misconception="not-all-analysed",
    )


async def require_stopped(turn: Turn, analysis: Analysis, person: ChatKit) -> None:
    """No document is begun or done any more, however the clock moves on."""
    cancelled = await eventually(lambda: bool(analysis.of("cancelled")), PATIENCE_SECONDS)
    before = analysis.of("started", "ended")
    # The tool looks at the clock every 20 ms; one that was seen to stop has no more to show.
    watch = 0.05 if cancelled else 1.0
    for _ in range(3):
        await analysis.next_document(person)
        if await eventually(lambda: analysis.of("started", "ended") != before, watch):
            raise Failed(
                tried=f"{turn.tried} Then the clock moved on.",
                observed="The tool went on: "
                f"“{analysis.of('started', 'ended')[-1]}” was analysed after that.",
                expected="The tool stops where it is. It is an `async def` that awaits `analyse()`: "
                "a thread cannot be stopped. And `result.cancel()` ends the run that called it.",
                misconception="tool-goes-on",
            )
