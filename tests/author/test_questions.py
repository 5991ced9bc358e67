"""The questions of a lesson: asked, answered and explained in three files that agree; and true."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from checkpoints import lesson as lessons
from checkpoints.engine import quiz
from checkpoints.engine.answers import mark_all, read_answers, score
from checkpoints.engine.quiz import Question
from checkpoints.lesson import ANSWERS, SUBMISSIONS, Lesson

ASKING = [number for number in lessons.numbers() if quiz.load(lessons.load(number).checkpoint)]


def paper(lesson: Lesson, folder: str) -> str:
    return (lesson.checkpoint / folder / Path(ANSWERS).name).read_text(encoding="utf-8")


def questions(number: int, *kinds: str) -> list[Question]:
    every = quiz.load(lessons.load(number).checkpoint)
    return [one for one in every if not kinds or one.kind in kinds]


def choices(text: str, key: str) -> dict[str, str]:
    """The sentences to choose from for a question, by letter, as the template shows them."""
    above = text[: re.search(rf"^{key}[ .]", text, re.MULTILINE).start()]  # type: ignore[union-attr]
    asked = above.rsplit("\n\n", 1)[1] if not above.endswith("\n\n") else above
    parts = re.split(r"^#\s+([a-h])\) ", asked, flags=re.MULTILINE)
    return {
        letter: re.sub(r"\s*\n#\s*", " ", said).strip()
        for letter, said in zip(parts[1::2], parts[2::2], strict=True)
    }


def keys_of(found: Any) -> Any:
    return (
        {key: keys_of(value) for key, value in found.items()} if isinstance(found, dict) else None
    )


@pytest.mark.parametrize("number", ASKING)
def test_what_is_asked_is_what_is_graded(number: int) -> None:
    lesson = lessons.load(number)
    template, model = tomllib.loads(paper(lesson, "template")), tomllib.loads(paper(lesson, "work"))
    assert keys_of(template) == keys_of(model)
    for one in questions(number):
        part, _, key = one.name.partition(".")
        asked = template[part][key]
        assert not one.answer or quiz.understood(one, asked) is None, "the template answers it"
        if isinstance(one.answer, dict):
            assert set(asked) == set(one.answer)
        del template[part][key]
    texts = {f"{part}.{key}" for part, left in template.items() for key in left}
    assert texts <= {touch.symbol.partition("::")[2] for touch in lesson.touches}


@pytest.mark.parametrize("number", ASKING)
def test_template_and_model_answers_ask_with_the_same_words(number: int) -> None:
    lesson = lessons.load(number)

    def comments(folder: str) -> list[str]:
        return [line for line in paper(lesson, folder).splitlines() if line.startswith("#")][1:]

    assert comments("template") == comments("work")


@pytest.mark.parametrize("number", ASKING)
def test_each_choice_is_explained(number: int) -> None:
    text = paper(lessons.load(number), "template")
    for one in questions(number, "choice", "several"):
        offered = choices(text, one.name.partition(".")[2])
        assert len(offered) >= 4, one.name
        assert set(one.answer) < set(offered)
        wanted = set(offered) if one.kind == "several" else set(offered) - set(one.answer)
        assert set(one.mistakes) == wanted, one.name
        for letter in set(offered) - set(one.answer):
            assert len(one.mistakes[letter].says) > 20, (one.name, letter)


@pytest.mark.parametrize("number", ASKING)
def test_no_explanation_tells_the_answer(number: int) -> None:
    for one in questions(number, "word"):
        answer = quiz.shown(one.answer)
        said = [*one.hints, *(mistake.says for mistake in one.mistakes.values())]
        assert not [text for text in said if answer in text.lower().split()], one.name


@pytest.mark.parametrize("number", ASKING)
def test_nobody_passes_by_a_rule_of_thumb(number: int) -> None:
    text = paper(lessons.load(number), "template")
    single = questions(number, "choice")
    letters = Counter(one.answer for one in single)
    assert max(letters.values()) <= len(single) / 2
    longest = 0
    for one in single:
        offered = choices(text, one.name.partition(".")[2])
        longest += (max(offered, key=lambda letter: len(offered[letter])),) == one.answer
    assert longest <= len(single) / 3


@pytest.mark.parametrize("number", ASKING)
def test_who_only_skims_does_not_pass(number: int) -> None:
    lesson = lessons.load(number)
    for name in ("skimmer", "random-guesses", "all-a"):
        work = SUBMISSIONS / lesson.name / "wrong" / name / "work"
        assert not score(mark_all(lesson, read_answers(lesson, work, ["comparison.text"]))).reaches(
            80
        )


# Lesson 1 speaks of a recording: what it says of it is so.


@pytest.fixture(scope="module")
def recording() -> dict[str, Any]:
    file = lessons.load(1).checkpoint / "recording.json"
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def traced(recording: dict[str, Any], name: str) -> dict[str, tuple[str, ...]]:
    """The right answer for an item of the recording, read from the recording itself."""
    events: list[str] = []
    streamed = ""
    for step in recording["steps"]:
        event = step.get("event", {})
        if name in (event.get("item_id"), event.get("item", {}).get("id")):
            events += [event["type"]] if events[-1:] != [event["type"]] else []
            streamed += event.get("update", {}).get("delta", "")
    row = recording["rows"][name]
    after = recording["states"][-1]["after_restart"]
    restart = "whole" if name in after else "nothing"
    if name in after and "thread.item.done" not in events:
        assert row["text"].strip() == streamed.strip()
        restart = "part"
    return {"item": (row["type"],), "events": tuple(events), "restart": (restart,)}


def test_the_trace_is_the_one_of_the_recording(recording: dict[str, Any]) -> None:
    rows = [one for one in questions(1) if one.part == "trace"]
    assert len(rows) == 10
    for one in rows:
        assert one.answer == traced(recording, f"msg_{one.name.rpartition('m')[2]}"), one.name
    assert not [name for name in recording["rows"] if name == "msg_11"]


def at(recording: dict[str, Any], step: int) -> tuple[dict[str, Any], list[str]]:
    """A step by the number that the page shows, and what the server holds then."""
    found = recording["steps"][step - 1]
    return found, recording["states"][found["state"]]["after_restart"]


def test_the_steps_that_the_lesson_names_show_what_it_says(recording: dict[str, Any]) -> None:
    def kind(step: int) -> str:
        found = at(recording, step)[0]
        return str(found.get("event", found.get("body", {})).get("type", found["kind"]))

    assert [kind(step) for step in (1, 2, 3, 5, 13, 14)] == [
        "threads.create", "thread.created", "thread.item.done", "thread.item.added",
        "thread.item.done", "end",
    ]  # fmt: skip
    assert kind(7) == "thread.item.updated"
    assert "msg_1" in at(recording, 3)[1]
    assert ("msg_2" in at(recording, 12)[1], "msg_2" in at(recording, 13)[1]) == (False, True)
    assert (at(recording, 15)[0]["person"], kind(15), kind(26)) == ("bob", "threads.create", "end")
    assert kind(27) == "threads.add_user_message"
    assert kind(30) == "progress_update"
    assert (kind(76), at(recording, 76)[0]["person"]) == ("threads.add_user_message", "alice")
    people = {at(recording, step)[0]["person"] for step in range(76, 136)}
    assert people == {"alice", "bob"}
    assert (kind(136), kind(137)) == ("threads.add_user_message", "end")
    assert ("msg_6" in at(recording, 120)[1], "msg_7" in at(recording, 120)[1]) == (True, False)
    assert {"msg_7", "shcx_1"} == set(at(recording, 137)[1]) - set(at(recording, 136)[1])
    assert recording["steps"][136]["answer"] == "cut"


def test_what_is_hidden_never_travels(recording: dict[str, Any]) -> None:
    assert recording["rows"]["shcx_1"]["type"] == "sdk_hidden_context"
    assert "shcx_1" not in json.dumps(recording["steps"])


def test_the_tool_leaves_no_item(recording: dict[str, Any]) -> None:
    kinds = {row["type"] for row in recording["rows"].values() if row["table"] == "items"}
    assert kinds == {"user_message", "assistant_message", "sdk_hidden_context"}
    assert [row["text"] for row in recording["rows"].values() if row["table"] == "tasks"] == [
        "buy milk"
    ]


def test_the_stateless_route_keeps_nothing(recording: dict[str, Any]) -> None:
    steps = recording["stateless"]["steps"]
    assert not [step for step in steps if step["holds"]]
    assert {tuple(step["body"]) for step in steps} == {("text",)}, "and is told nothing but a text"
    assert "can't see any earlier message" in steps[-1]["body"]["text"]
