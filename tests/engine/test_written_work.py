"""A lesson that is answered in words: the commands, as a student types them."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from pathlib import Path

import pytest

from checkpoints import lesson as lessons
from checkpoints import starter
from checkpoints.lesson import Lesson, Touch
from checkpoints.submission import Work, own_folders
from tests.engine.clone import Clone

MODEL = (lessons.load(1).checkpoint / "work" / "answers.toml").read_text(encoding="utf-8")


def answers(clone: Clone) -> Path:
    return clone.root / "lessons" / "L01" / "work" / "answers.toml"


def write(clone: Clone, **changed: str) -> None:
    """Write the model answers, with other ones for some questions of the quiz."""
    text = MODEL
    for key, given in changed.items():
        text = re.sub(rf"^{key} = .*$", f"{key} = {given}", text, count=1, flags=re.MULTILINE)
    answers(clone).write_text(text, encoding="utf-8")


def check(clone: Clone, **environment: str) -> str:
    """What `make check-01` says, in one line."""
    result = clone.run("check", "01", **environment)
    assert result.err == ""
    return " ".join(result.out.split())


@pytest.fixture
def broken_sdks(clone: Clone) -> Clone:
    """A clone that notices when somebody imports an SDK."""
    for name in ("agents", "chatkit", "openai"):
        (clone.root / f"{name}.py").write_text("raise ImportError('nobody asked for this')\n")
    return clone


def test_no_server_is_started_and_no_sdk_imported(broken_sdks: Clone) -> None:
    write(broken_sdks)
    said = check(broken_sdks)
    assert "3 of 3 core checks passed. Lesson 01 is done." in said
    assert "38 of 38 points (100 %); 80 % passes." in said
    assert "whether it is right, a person judges" in said
    assert "seed" not in said
    assert " L01   3/3 " in broken_sdks.run("grade", "01", CLASS="lessons").out


def test_the_right_answer_is_told_at_the_second_wrong_one(clone: Clone) -> None:
    because = "That is not so."
    file = clone.root / "checkpoints" / "L01" / "questions.toml"
    text, count = re.subn(
        r'because = "The status leaves.*"', f'because = "{because}"', file.read_text()
    )
    assert count == 1
    file.write_text(text)
    write(clone, q3='"a"', q9='"b"')
    assert because not in check(clone)
    assert because not in check(clone), "the same answer again is no second try"
    write(clone, q3='""')
    assert because not in check(clone), "nor is no answer"
    write(clone, q3='"c"')
    for environment in ({"SUBMISSION": "."}, {"SUBMISSION": "lessons/L01"}):
        assert because not in check(clone, **environment)
    said = check(clone)
    assert f"The answer is “b”. {because}" in said
    assert "The answer is" not in said.replace("The answer is “b”", ""), "of no other question"
    assert because not in check(clone, SUBMISSION=".")
    assert because not in check(clone, FROM="mistake:status-200")


def test_each_wrong_answer_comes_with_its_section(clone: Clone) -> None:
    write(clone, q3='"a"')
    report = json.loads(clone.run("check", "01", JSON="1").out)
    assert report["passed"] is True
    [red] = [one for one in report["results"] if one["passed"] is False]
    assert (red["name"], red["core"], red["misconception"]) == (
        "check_quiz", False, "status-200-is-success",
    )  # fmt: skip
    assert "Read: lessons/L01/README.md#7-when-a-turn-does-not-go-well" in red["cause"]["rationale"]
    assert red["anchor"] == "lessons/L01/README.md#7-when-a-turn-does-not-go-well"
    assert red["slips"] == [
        {"symbol": "work/answers.toml::quiz.q3", "misconception": "status-200-is-success"}
    ]


def test_hints_are_those_of_the_first_wrong_question(clone: Clone) -> None:
    assert "hint 1 of 3" in clone.run("hint", "01").out
    write(clone, q3='"a"', q9='"a"')
    check(clone)
    said = [clone.run("hint", "01").out for _ in range(4)]
    assert [re.findall(r"quiz\.q3 +\(hint (\d)", one) for one in said] == [
        ["1"],
        ["2"],
        ["3"],
        ["3"],
    ]
    assert "mine" not in said[2]
    write(clone, q9='"a"')
    check(clone)
    assert "quiz.q9  (hint 1 of 3)" in clone.run("hint", "01").out


def test_what_cannot_be_read_is_said_and_the_rest_not_reached(clone: Clone) -> None:
    write(clone, q3="b")
    result = clone.run("check", "01")
    assert result.status == 1
    assert re.search(
        r"Line \d+ is `q3 = b`\. The answer has no quotes\.", " ".join(result.out.split())
    )
    assert result.out.count("not reached") == 5
    answers(clone).unlink()
    said = check(clone)
    assert "There is no file `answers.toml` in `work/`." in said


def test_model_answers_are_for_who_has_passed(clone: Clone) -> None:
    said = clone.run("mine", "01").out
    assert said == "The model answers are shown when lesson 01 is passed.\n"
    write(clone, q3='"a"')
    check(clone)
    said = clone.run("mine", "01").out
    assert '\n-q3 = "a"\n+q3 = "b"\n' in said
    assert "+++ L01/work/answers.toml" in said


def test_changed_answers_count_as_changed_work(clone: Clone) -> None:
    write(clone)
    check(clone)
    assert "changed since" not in clone.run("progress").out
    write(clone, q3='"a"')
    assert re.search(r"01 .*changed since", clone.run("progress").out)


def test_starting_again_keeps_the_answers(clone: Clone) -> None:
    fresh = answers(clone).read_bytes()
    for command in ("reset", "start"):
        write(clone)
        result = clone.run(command, "01")
        assert (result.status, result.err) == (0, "")
        assert "lessons/L01/work" in result.out
        assert answers(clone).read_bytes() == fresh
    kept = sorted((clone.root / ".workbook" / "kept").iterdir())
    assert {(one / "work" / "answers.toml").read_text() for one in kept} == {MODEL}
    assert sorted(one.name for one in answers(clone).parents[1].iterdir()) == ["README.md", "work"]


def test_commands_about_code_say_that_there_is_none(shared_clone: Clone) -> None:
    assert shared_clone.run("diff", "01").out.startswith("Lesson 01 adds no code.")
    for number in ("01", "02"):
        result = shared_clone.run("start", number, FROM="mine")
        assert result.status == 2
        assert (
            f"no code of your own before lesson {number}. Type: make start-{number}" in result.err
        )


@pytest.mark.parametrize(
    "form", ["{clone}", "{clone}/lessons", "{clone}/lessons/L01/work", "other"]
)
def test_answers_are_found_in_any_folder_around_them(form: str, clone: Clone) -> None:
    write(clone, q3='"a"')
    shutil.copytree(answers(clone).parent, clone.root / "other")
    result = clone.run("check", "01", SUBMISSION=form.format(clone=clone.root), JSON="1")
    assert [one["misconception"] for one in json.loads(result.out)["results"]].count(
        "status-200-is-success"
    ) == 1


def test_a_class_is_graded_with_all_its_misconceptions(clone: Clone, tmp_path: Path) -> None:
    for name, changed in {
        "ana": {"q3": '"a"'},
        "bo": {"q3": '"c"', "q10": '"a"'},
        "cy": {},
    }.items():
        write(clone, **changed)
        shutil.copytree(answers(clone).parent, tmp_path / "class" / name / "work")
    (tmp_path / "class" / "di").mkdir()
    result = clone.run("grade", "01", CLASS=str(tmp_path / "class"), CSV="1")
    assert result.err.count("\n") == 1
    rows = {row["submission"]: row for row in csv.DictReader(io.StringIO(result.out))}
    assert {name: row["passed"] for name, row in rows.items()} == {
        "ana": "yes", "bo": "yes", "cy": "yes", "di": "no",
    }  # fmt: skip
    assert rows["bo"]["misconceptions"] == "status-200-is-success history-is-automatic"
    table = " ".join(clone.run("grade", "01", CLASS=str(tmp_path / "class")).out.split())
    assert " 2 status-200-is-success (lessons/L01/README.md#7-" in table
    assert " 1 history-is-automatic (lessons/L01/README.md#6-" in table


def test_a_template_comes_with_the_code_of_a_lesson(tmp_path: Path) -> None:
    """Later lessons ask for code and for words."""

    class Made(Lesson):
        @property
        def checkpoint(self) -> Path:
            return tmp_path / "checkpoint"

    template = tmp_path / "checkpoint" / "template" / "skills" / "SKILL.md"
    template.parent.mkdir(parents=True)
    template.write_text("# A skill\n")
    touches = (Touch("app/main.py::<module>", "", "", ()),)
    made = Made(2, "Made up", "/chatkit", (), (), (), (), touches)
    files = starter.build(made)
    assert starter.parts(files) == ["app", "work"]
    starter.write(files, tmp_path / "lesson")
    assert (tmp_path / "lesson" / "work" / "skills" / "SKILL.md").read_text() == "# A skill\n"
    work = Work(tmp_path / "lesson" / "app", tmp_path / "lesson" / "work")
    assert own_folders(made, work) == [work.app, work.work]
    assert "work/skills/SKILL.md" in starter.manifest(files)
