"""Answers that are written by hand: what is understood, what is explained, what is counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from checkpoints.engine import paper, prose, quiz
from checkpoints.engine.answers import Score
from checkpoints.engine.quiz import Mistake, Question

# The file


def write(folder: Path, content: str | bytes) -> Path:
    file = folder / "answers.toml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


@pytest.mark.parametrize(
    "content",
    [
        b'[quiz]\nq1 = "b"\nq2 = ["a", "c"]\n',
        b'\xef\xbb\xbf[quiz]\r\nQ1 = "b"\r\nQ2 = ["a", "c"]',
        b'[quiz]\rq1 = "b"\rq2 = ["a", "c"]\r',
        "[quiz]\nq1 = “b”\nq2 = [„a“, «c»]\n".encode(),
        "[Quiz]\nq1 = ‘b’\nq2 = ['a',\n  'c',\n]\n".encode(),
        "[quiz]\nq1 = “b” # é\nq2 = [“a”, “c”]\n".encode("cp1252"),
        '[quiz]\nq1 = "b"\nq2 = ["a", "c"]\n'.encode("utf-16"),
        '\t[quiz]\n\tq1\u00a0=\t"b"\n\u200bq2 = ["a",\u202f"c"]\n'.encode(),
    ],
    ids=["plain", "bom", "old-mac", "typographic", "single", "cp1252", "utf-16", "blanks"],
)
def test_what_an_editor_does_to_a_file_is_no_mistake(content: bytes, tmp_path: Path) -> None:
    assert paper.read(write(tmp_path, content)) == {"quiz": {"q1": "b", "q2": ["a", "c"]}}


def test_a_text_keeps_its_typographic_quotes(tmp_path: Path) -> None:
    file = write(tmp_path, "text = '''\nShe said “hi”.\n'''\nq1 = “b”\n")
    assert paper.read(file) == {"text": "She said “hi”.\n", "q1": "b"}


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        ("q1 = b", 2, 'no quotes. A word stands between quotes: q1 = "b"'),
        ('q1 = "b', 2, 'second quote is missing. Write it so: q1 = "b"'),
        ('q1 = "b\nq2 = "c"', 2, "second quote"),
        ('q1 = b"', 2, 'first quote is missing. Write it so: q1 = "b"'),
        ("q1 =", 2, "nothing behind `q1 =`"),
        ("q1 = # b", 2, "nothing behind `q1 =`"),
        ('q1 = ["a", "b"\nq2 = "c"', 2, "list is not closed"),
        ('q1 = ["a", "b"\n[trace]\n', 2, "list is not closed"),
        ('q1 = ["a", "b"', 2, "list is not closed"),
        ('q1 = ["a" "b"]', 2, "a quote or a comma is missing"),
        ("q1 = [a, b]", 2, "a quote or a comma is missing"),
        ('q1 = ["a",\n  "b"]\nq3 = c', 4, "no quotes"),
        ('q1 = ""\nq1 = "b"', 3, "`q1` stands there twice. Keep one"),
        ('[quiz]\nq1 = "b"', 2, "`[quiz]` stands there twice"),
        ('[trace\nm1 = "b"', 2, "not closed"),
        ("what is a thread?", 2, "neither an answer nor a comment"),
        ('q1: "b"', 2, "neither an answer nor a comment"),
        ("text = '''\nI think\n[trace]\nm1 = 'b'", 2, "never ends"),
        ('q1 = "b" or "c"', 2, "left over behind the answer"),
        ('q1 = "the "thread" itself"', 2, "left over behind the answer, or a quote is inside"),
        ('m1 = { item = "x" events = "y" }', 2, "Between the braces"),
        ('q1 = "\\k"', 2, "backslash"),
        (
            'text = "Once upon a time there was a server, and\nit knew nothing."',
            2,
            "text = ''' above",
        ),
        ("text = 'It doesn't know what was said to it before.'", 2, "needs three quotes"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(
    content: str, line: int, says: str, tmp_path: Path
) -> None:
    with pytest.raises(paper.PaperError) as raised:
        paper.read(write(tmp_path, f"[quiz]\n{content}\n"))
    told = raised.value
    assert told.line == line
    assert f"Line {line} is `" in told.problem
    assert says in f"{told.problem} {told.remedy}"


def test_a_missing_file_names_what_is_there_instead(tmp_path: Path) -> None:
    (tmp_path / "answers.toml.txt").touch()
    with pytest.raises(paper.PaperError, match=r"answers\.toml\.txt"):
        paper.read(tmp_path / "answers.toml")


@pytest.mark.parametrize(
    "content", ["a" + ".a" * 3000 + " = 1", "a = " + "[" * 3000, "#" * 2_000_000]
)
def test_what_no_person_has_written_is_refused_too(content: str, tmp_path: Path) -> None:
    with pytest.raises(paper.PaperError):
        paper.read(write(tmp_path, content))


# The questions


def question(kind: quiz.Kind, answer: Any, **more: Any) -> Question:
    common: dict[str, Any] = {
        "name": "quiz.q1",
        "points": 1 if kind in ("choice", "word") else 2,
        "concept": "Thread",
        "section": "1. Threads",
        "hints": ("", "", ""),
        "because": "",
        "mistakes": {"*": Mistake("Look again.", "careless")},
        "words": (),
        "synonyms": {"added": "thread.item.added", "browser": "page"},
    }
    return Question(kind=kind, answer=answer, **{**common, **more})


CHOICE = question("choice", ("b",))
SEVERAL = question("several", ("a", "c"), mistakes={x: Mistake(x, x) for x in "abcd"})
ORDER = question("order", ("d", "b", "a", "c"))
WORD = question("word", ("thread.item.added",), words=("thread.item.added", "page", "respond"))
MATCH = question("match", {"one": ("page",), "two": ("x",), "three": ("z",)})
ROW = question("match", {"events": ("thread.item.added", "done")}, points=1)


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        *((CHOICE, given) for given in ("b", "B", " b) ", "(b)", "b.", ["b"], "b) It is stored.")),
        *((SEVERAL, given) for given in (["c", "a"], "ac", "A, C", "c and a", ["a", "c", "c"])),
        *((ORDER, given) for given in (["d", "b", "a", "c"], "dbac", "d > b > a > c", "D, then BAC")),
        *((WORD, given) for given in ("thread.item.added", " Added ", "`thread.item.added`.")),
        (MATCH, {"one": "Browser", "two": "X", "three": "z"}),
        (MATCH, {"TWO": "x", "One": ["page"], "three": "(z) the last of them"}),
        *((ROW, {"events": given}) for given in ("added, done", "Added → done", ["added", "DONE"])),
        (ROW, {"events": "thread.item.added; done (at the end)"}),
        (ROW, {"events": ["added", "added", "done"]}),
    ],
)  # fmt: skip
def test_right_answers_however_they_are_written(asked: Question, given: Any) -> None:
    assert quiz.mark(asked, given).full


@pytest.mark.parametrize(
    ("asked", "given", "points"),
    [
        (CHOICE, "a", 0),
        (CHOICE, "ab", 0),
        (CHOICE, ["b", "c"], 0),
        (CHOICE, {"b": "x"}, 0),
        (CHOICE, "Whatever is stored under the id", 0),
        (SEVERAL, "a", 1),
        (SEVERAL, "abc", 1),
        (SEVERAL, "ab", 0),
        (SEVERAL, "abcd", 0),
        (ORDER, "bdac", 1),
        (ORDER, "badc", 1),
        (ORDER, "cabd", 0),
        (ORDER, "dba", 0),
        (WORD, "page", 0),
        (MATCH, {"one": "page", "two": "z", "three": "x"}, 1),
        (MATCH, {"one": "page", "two": "x"}, 1),
        (MATCH, {"one": "x", "two": "z", "three": "page"}, 0),
        (MATCH, "page, x, z", 0),
        (ROW, {"events": "done, added"}, 0),
        (ROW, {"events": "added"}, 0),
    ],
)
def test_wrong_answers_and_what_they_are_worth(asked: Question, given: Any, points: int) -> None:
    assert quiz.mark(asked, given).points == points


@pytest.mark.parametrize("empty", [None, "", "  ", [], [""], {}, {"one": ""}])
def test_no_answer_is_no_wrong_answer(empty: Any) -> None:
    for asked in (CHOICE, SEVERAL, ORDER, WORD, MATCH):
        found = quiz.mark(asked, empty)
        assert (found.points, found.given, found.mistakes) == (0, None, ())


def test_the_most_special_explanation_is_taken() -> None:
    mistakes = {
        "one=z": Mistake("No z.", "z"),
        "one": Mistake("Not that.", "one"),
        "*": Mistake("Look again.", "any"),
    }
    asked = question("match", {"one": ("page",), "two": ("x",)}, mistakes=mistakes)

    def said(**given: str) -> list[str]:
        return [mistake.says for mistake in quiz.mark(asked, given).mistakes]

    assert said(one="z", two="x") == ["one: No z."]
    assert said(one="y", two="y") == ["one: Not that.", "two: Look again."]
    assert said(two="x") == ["one: no answer yet."]


def test_a_missing_letter_is_not_named() -> None:
    [mistake] = quiz.mark(SEVERAL, "a").mistakes
    assert (mistake.says, mistake.misconception) == ("Something is missing.", "c")


def test_a_word_that_is_not_offered_is_said_to_be_none() -> None:
    [mistake] = quiz.mark(WORD, "thread.item.begun").mistakes
    assert "“thread.item.begun” is not in the list" in mistake.says


@pytest.mark.parametrize(
    ("points", "of", "said", "passes"),
    [
        (17, 22, "17 of 22 points (77 %)", False),
        (4, 5, "4 of 5 points (80 %)", True),
        (799, 1000, "799 of 1000 points (79 %)", False),
    ],
)
def test_eighty_percent_is_eighty_percent(points: int, of: int, said: str, passes: bool) -> None:
    assert (str(Score(points, of)), Score(points, of).reaches(80)) == (said, passes)


# A text

GOOD = """A handler answers one request, and after its response it forgets everything. respond() is
called in a conversation which is kept elsewhere, and streams its answer while it is being written. The
context that it receives tells it whose turn this is."""
TOPICS = {"streaming": ("stream", "event"), "memory": ("kept", "stor")}


def look(text: object, known: str = "", at_least: int = 20) -> str | None:
    found = prose.look_at(text, at_least=at_least, touching=TOPICS, known={"the lesson": known})
    return found.misconception if found else None


def test_a_text_is_left_to_a_person() -> None:
    assert look(GOOD) is None
    assert look(GOOD.replace("streams", "STREAMED").replace("\n", "\r\n")) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", "nothing-written"),
        ("\n \n", "nothing-written"),
        (None, "nothing-written"),
        (["a list"], "nothing-written"),
        ("It streams, and it is stored.", "text-too-short"),
        ("stored event " * 20, "text-repeats"),
        (GOOD.replace("streams", "gives"), "text-misses-a-point"),
    ],
)
def test_what_is_no_text_yet(text: object, name: str) -> None:
    assert look(text) == name


def test_what_was_copied_is_nobodys_own_words() -> None:
    assert look(f"{GOOD} That is what I think.", known=f"# Lesson\n\n{GOOD}\n") == "copied-text"
    assert look(GOOD, known=GOOD.replace(" ", " not ")) is None
