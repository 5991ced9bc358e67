"""Figures of a server, and the written work that is built on them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from checkpoints import lesson as lessons
from checkpoints.engine.verdict import Failed
from checkpoints.L03 import evaluation
from checkpoints.L05 import policy
from checkpoints.measure import ENOUGH, NothingToMeasure, kept_bytes, kind_of
from tests.engine.clone import Clone

LESSON, SESSIONS = lessons.load(3), lessons.load(5)
Change = Callable[[str], str]


def test_a_lesson_without_figures_names_one_that_has_some() -> None:
    with pytest.raises(NothingToMeasure, match=r"lesson 02\. There is: make measure-03"):
        kind_of(lessons.load(2))


@pytest.mark.slow
def test_both_ways_are_measured_and_kept_for_the_written_work(clone: Clone) -> None:
    work = clone.root / "lessons" / "L03" / "work"
    shutil.rmtree(work.parent / "app")
    shutil.copytree(clone.root / "checkpoints" / "L03" / "app", work.parent / "app")
    result = clone.run("measure", "03")
    assert result.status == 0, result
    found = json.loads((work / "measured.json").read_text())
    streamed, buffered = found["streamed"], found["buffered"]
    # Not how fast, but which before which.
    assert streamed["first_word"] < buffered["first_word"] == buffered["whole_answer"]
    assert 0 < found["words_read"] < found["words"]
    assert found["added_per_word"] >= 0
    for figure in (streamed["first_word"], buffered["whole_answer"], ENOUGH):
        assert f"{figure:,}" in result.out
    assert "lessons/L03/work/measured.json" in result.out


@pytest.mark.slow
def test_other_peoples_work_is_measured_and_ones_own_file_stays(clone: Clone) -> None:
    result = clone.run("measure", "03", "--from", "checkpoint")
    assert result.status == 0, result
    assert not (clone.root / "lessons" / "L03" / "work" / "measured.json").exists()


def test_a_server_that_does_not_start_is_said(clone: Clone) -> None:
    (clone.root / "lessons" / "L03" / "app" / "main.py").write_text("raise RuntimeError('no')\n")
    result = clone.run("measure", "03")
    assert result.status == 2
    assert "The server did not start: RuntimeError: no. make check-03" in result.err


@pytest.mark.slow
def test_the_students_own_database_is_filled_and_measured(clone: Clone) -> None:
    folder = clone.root / "lessons" / "L05"
    shutil.rmtree(folder / "app")
    shutil.copytree(SESSIONS.checkpoint / "app", folder / "app")
    result = clone.run("measure", "05")
    assert result.status == 0, result
    found = json.loads((folder / "work" / "measured.json").read_text())
    # A clean-up leaves something of each conversation, and not much.
    assert 0 < found["bytes_left_by_clean_up"] < found["bytes_per_conversation"] / 4
    assert found["bytes_per_message"] < found["bytes_per_conversation"]
    assert f"{found['bytes_per_conversation']:,} bytes" in result.out
    assert f"{found['kept']['week']['10000'] / 1e6:,.1f}" in result.out


def test_what_a_timeout_keeps_reaches_to_the_next_clean_up() -> None:
    # 24 conversations of 10 bytes a day are one each hour; one clean-up a day.
    assert [kept_bytes(10, hours, 24) for hours in (0, 1, 24)] == [240, 250, 480]


@pytest.mark.slow
def test_a_server_without_a_clean_up_is_not_measured(clone: Clone) -> None:
    folder = clone.root / "lessons" / "L05"
    shutil.rmtree(folder / "app")
    shutil.copytree(clone.root / "checkpoints" / "L04" / "app", folder / "app")
    result = clone.run("measure", "05")
    assert result.status == 2
    assert "`POST /clean-up` was answered with 404. make check-05" in result.err


# The written work


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A copy of the model answers."""
    return Path(shutil.copytree(LESSON.checkpoint / "work", tmp_path / "work"))


async def judged(work: Path) -> str | None:
    """The misconception that was found, or None."""
    said: list[str] = []
    try:
        evaluation.require_evaluation(work, said.append)
    except Failed as failed:
        return failed.misconception
    assert "a person judges" in said[0]
    return None


async def test_the_model_answers_pass_and_the_template_does_not(work: Path) -> None:
    assert await judged(work) is None
    shutil.copyfile(LESSON.template / evaluation.FILE, work / evaluation.FILE)
    assert await judged(work) == "figures-missing"


def line(key: str, value: str) -> Change:
    """Write this value behind the first line that begins with this key."""
    head = f"\n{key} = "

    def change(text: str) -> str:
        before, after = text.split(head, 1)
        return before + head + value + "\n" + after.partition("\n")[2]

    return change


def below(part: str, change: Change) -> Change:
    """The same, below the name of a part."""

    def changed(text: str) -> str:
        before, after = text.split(f"[{part}]", 1)
        return f"{before}[{part}]{change(after)}"

    return changed


STREAMED_LINES = (
    '"We ask for one object on each line, so the program can store the first while it waits."'
)


@pytest.mark.parametrize(
    ("change", "misconception"),
    [
        (line("streamed_first_word", "0"), "figures-missing"),
        (line("streamed_first_word", '"fast"'), "figures-missing"),
        (line("buffered_whole_answer", "3.8"), "figures-in-seconds"),
        (line("buffered_whole_answer", "9000"), "figures-differ"),
        (line("buffered_whole_answer", "3800"), None),  # rounded
        (line("streamed_first_word", "60"), None),
        (below("chat", line("choice", '""')), "no-choice"),
        (below("chat", line("choice", '"both"')), "no-choice"),
        (below("chat", line("choice", '" Streamed "')), None),
        (below("chat", line("choice", '"buffered"')), "choice-chat"),
        (below("report", line("choice", '"streamed"')), "choice-report"),
        (below("report", line("choice", '"progress"')), None),
        (below("program", line("choice", '"streamed"')), "choice-program"),
        (below("chat", line("reason", '""')), "nothing-written"),
        (below("chat", line("reason", '"It is faster."')), "text-too-short"),
        (below("chat", line("reason", f'"{"fast " * 20}"')), "text-repeats"),
        (
            below("chat", line("reason", '"This is simply how all good modern things are done."')),
            "text-misses-a-point",
        ),
        (
            below(
                "program",
                lambda text: line("reason", STREAMED_LINES)(line("choice", '"streamed"')(text)),
            ),
            None,
        ),
        (below("report", line("choice", "buffered")), "evaluation-unreadable"),
    ],
)  # fmt: skip
async def test_what_is_found_in_the_written_work(
    change: Change, misconception: str | None, work: Path
) -> None:
    text = (work / evaluation.FILE).read_text()
    (work / evaluation.FILE).write_text(change(text))
    assert (work / evaluation.FILE).read_text() != text
    assert await judged(work) == misconception


@pytest.mark.parametrize(
    ("figures", "misconception"),
    [
        ({"streamed": {"first_word": 3000}}, "streams-late"),
        ({"buffered": {"first_word": 8000, "whole_answer": 8000}}, "wholes-differ"),
        (None, "not-measured"),
    ],
)
async def test_figures_that_cannot_be_right(
    figures: dict[str, Any] | None, misconception: str, work: Path
) -> None:
    measured = json.loads((work / "measured.json").read_text())
    (work / "measured.json").unlink()
    if figures is not None:
        text = (work / evaluation.FILE).read_text()
        for side, changes in figures.items():
            measured[side] |= changes
            for what, value in changes.items():
                text = line(f"{side}_{what}", str(value))(text)
        (work / evaluation.FILE).write_text(text)
        (work / "measured.json").write_text(json.dumps(measured))
    assert await judged(work) == misconception


async def test_a_file_that_is_not_there_is_said(work: Path) -> None:
    (work / evaluation.FILE).unlink()
    assert await judged(work) == "evaluation-missing"


# The policy of lesson 5


@pytest.fixture
def policy_work(tmp_path: Path) -> Path:
    """A copy of the model answers."""
    return Path(shutil.copytree(SESSIONS.checkpoint / "work", tmp_path / "work"))


async def judged_policy(work: Path) -> str | None:
    """The misconception that was found, or None."""
    said: list[str] = []
    try:
        policy.require_policy(work, said.append)
    except Failed as failed:
        return failed.misconception
    assert "a person judges" in said[0]
    return None


async def test_the_model_policy_passes_and_the_template_does_not(policy_work: Path) -> None:
    assert await judged_policy(policy_work) is None
    shutil.copyfile(SESSIONS.template / policy.FILE, policy_work / policy.FILE)
    assert await judged_policy(policy_work) == "figures-missing"


@pytest.mark.parametrize(
    ("change", "misconception"),
    [
        (line("bytes_per_conversation", "0"), "figures-missing"),
        (line("megabytes_day", '"9.5 MB"'), "figures-missing"),
        (line("megabytes_day", "true"), "figures-missing"),
        (line("megabytes_week", "381.7"), "figures-differ"),  # another column
        (line("megabytes_week", "38"), None),  # rounded
        (below("pharmacy", line("idle", '""')), "no-choice"),
        (below("pharmacy", line("idle", '"30 days"')), "no-choice"),
        (below("pharmacy", line("idle", '" Day "')), None),
        (below("pharmacy", line("idle", '"week"')), "choice-pharmacy"),
        (below("assistant", line("idle", '"hour"')), "choice-assistant"),
        (below("assistant", line("idle", '"week"')), None),
        (below("builder", line("idle", '"day"')), "choice-builder"),
        (below("builder", line("reason", '""')), "nothing-written"),
        (below("builder", line("reason", '"They come back on Saturday."')), "text-too-short"),
        (below("clean_up", line("every_hours", "0")), "no-pause"),
        (below("clean_up", line("every_hours", '"daily"')), "no-pause"),
        (below("clean_up", line("every_hours", "720")), "pause-too-long"),
        (below("clean_up", line("every_hours", "0.5")), None),
        (below("clean_up", line("reason", '"Because."')), "text-too-short"),
        (below("pharmacy", line("idle", "hour")), "policy-unreadable"),
    ],
)  # fmt: skip
async def test_what_is_found_in_the_policy(
    change: Change, misconception: str | None, policy_work: Path
) -> None:
    text = (policy_work / policy.FILE).read_text()
    (policy_work / policy.FILE).write_text(change(text))
    assert (policy_work / policy.FILE).read_text() != text
    assert await judged_policy(policy_work) == misconception


@pytest.mark.parametrize(
    ("name", "found"), [(policy.FILE, "policy-missing"), ("measured.json", "not-measured")]
)
async def test_a_part_of_the_policy_that_is_not_there_is_said(
    name: str, found: str, policy_work: Path
) -> None:
    (policy_work / name).unlink()
    assert await judged_policy(policy_work) == found
