"""Questions that are graded by rule: `questions.toml` beside a lesson's `lesson.toml`.

A question `quiz.q3` is answered under `[quiz]` as `q3 = …`. The kinds, and how they are answered:

    choice    the letter of one sentence                      q1 = "b"
    several   the letters of all that are true, in any order  q2 = ["a", "c"]
    order     all letters, in the right order                 q3 = ["c", "a", "b"]
    word      a word of a given list                          1 = "thread"
    match     a word, or some words in order, for each key    q4.page = "d"

A choice and a word are worth 1 point, the others 2: both without a mistake, one with a single
mistake. `points = 1` makes it all or nothing.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

Kind = Literal["choice", "several", "order", "word", "match"]
Words = tuple[str, ...]
Answer = Words | dict[str, Words]
"""An answer as it is compared: letters or words, or words for each key."""

FILE = "questions.toml"
_DEFAULT_POINTS = {"choice": 1, "word": 1, "several": 2, "order": 2, "match": 2}
_SENTENCE = re.compile(r"\s*\(?([a-z])[).:]\s")
_ASIDE = re.compile(r"\([^)]{2,}\)")
_THEN = re.compile(r"\s*(?:,|;|/|\+|→|->|=>|\bthen\b|\band\b|\n)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Mistake:
    """What a wrong answer shows: why it is wrong (never what is right), and its short name."""

    says: str
    misconception: str


@dataclass(frozen=True)
class Question:
    """One question: its key, and what there is to say when somebody answers otherwise."""

    name: str  # `quiz.q3`: the part, and the key in it
    kind: Kind
    answer: Answer
    points: int
    concept: str
    section: str
    hints: tuple[str, ...]
    because: str
    mistakes: Mapping[str, Mistake]
    words: tuple[str, ...]  # the only ones that may be used; any where it is empty
    synonyms: Mapping[str, str]

    @property
    def part(self) -> str:
        return self.name.partition(".")[0]

    @property
    def checks(self) -> tuple[str, ...]:
        """It counts for the points, and for its part."""
        return ("check_points", f"check_{self.part}")


@dataclass(frozen=True)
class Mark:
    """What an answer is worth. `given` is None where there is none yet."""

    question: Question
    points: int
    given: str | None
    mistakes: tuple[Mistake, ...] = ()

    @property
    def full(self) -> bool:
        return self.points == self.question.points


@cache
def load(folder: Path) -> tuple[Question, ...]:
    """Read the questions of a lesson's folder in `checkpoints/`; none where it has none."""
    file = folder / FILE
    if not file.exists():
        return ()
    found = tomllib.loads(file.read_text(encoding="utf-8"))
    synonyms = {
        _tidy(other): _tidy(word)
        for word, others in found.get("synonyms", {}).items()
        for other in others
    }
    entries: dict[str, dict[str, Any]] = {}
    for entry in found["questions"]:
        entries[entry["name"]] = {**entries.get(entry.get("like", ""), {}), **entry}
    return tuple(_question(entry, found.get("words", {}), synonyms) for entry in entries.values())


def _question(
    entry: Mapping[str, Any], words: Mapping[str, list[str]], synonyms: Mapping[str, str]
) -> Question:
    kind: Kind = entry["kind"]
    question = Question(
        name=entry["name"],
        kind=kind,
        answer=(),
        points=entry.get("points", _DEFAULT_POINTS[kind]),
        concept=entry["concept"],
        section=entry["section"],
        hints=tuple(entry["hints"]),
        because=entry["because"],
        mistakes={
            given: Mistake(mistake.get("says", ""), mistake["misconception"])
            for given, mistake in entry["mistakes"].items()
        },
        words=tuple(_tidy(word) for word in words.get(entry["name"].partition(".")[0], ()))
        if kind == "word"
        else (),
        synonyms=synonyms,
    )
    answer = understood(question, entry["answer"])
    if answer is None:
        raise ValueError(f"{question.name} has no answer that can be understood")
    return Question(**{**question.__dict__, "answer": answer})


# Understanding


def _tidy(text: str) -> str:
    """Without case, blanks, and what stands around it: `` `Respond()`. `` → respond."""
    return re.sub(r"[\s_-]+", "_", text.strip().casefold()).strip("`'\"“”_.,:;*()")


def _words(question: Question, value: Any) -> Words:
    """The words of an answer, each once where it comes several times in a row."""
    if sentence := _SENTENCE.match(str(value).casefold()):  # `e) a conversation: …`
        value = sentence[1]
    listed = value if isinstance(value, list) else _THEN.split(_ASIDE.sub("", str(value)))
    found: list[str] = []
    for one in listed:
        word = {"true": "yes", "false": "no"}.get(_tidy(str(one)), _tidy(str(one)))
        word = question.synonyms.get(word, word)
        if word and found[-1:] != [word]:
            found.append(word)
    return tuple(found)


def _letters(value: Any) -> Words:
    """`["a", "c"]`, `"a, c"`, `"A C"` and `"ac"` are the same letters; `"b) The page"` is b."""
    texts = [str(one).strip().casefold() for one in (value if isinstance(value, list) else [value])]
    found: list[str] = []
    for text in texts:
        if sentence := _SENTENCE.match(text):
            found.append(sentence[1])
        elif len(letters := re.sub(r"\band\b|\bthen\b|[^a-z]", "", text)) <= 8:
            found += letters
    return tuple(found)


def understood(question: Question, value: Any) -> Answer | None:
    """The answer as it is compared; None where nothing is answered yet."""
    match question.kind:
        case "choice" | "order" | "several":
            letters = () if isinstance(value, dict) else _letters(value)
            return (tuple(sorted(set(letters))) if question.kind == "several" else letters) or None
        case "word":
            return _words(question, "" if isinstance(value, dict) else value) or None
        case "match":
            given = value if isinstance(value, dict) else {}
            found = {key.lower(): _words(question, one) for key, one in given.items()}
            return found if any(found.values()) else None


def shown(answer: Answer) -> str:
    """An answer as one would write it down."""
    if isinstance(answer, dict):
        return "; ".join(f"{key}: {shown(words)}" for key, words in answer.items() if words)
    return ", ".join(answer)


# Grading


def mark(question: Question, value: Any) -> Mark:
    """Grade what stands in the answers file for this question (None: nothing)."""
    given = understood(question, "" if value is None else value)
    if given is None:
        return Mark(question, 0, None)
    wrong, keys = _compare(question, given)
    if not wrong:
        return Mark(question, question.points, shown(given))
    half = question.points == 2 and wrong == 1
    return Mark(question, int(half), shown(given), _mistakes(question, keys))


def _compare(question: Question, given: Answer) -> tuple[int, list[str]]:
    """How many mistakes there are, and under which names `mistakes` may explain them."""
    right = question.answer
    if isinstance(right, dict) or isinstance(given, dict):
        assert isinstance(right, dict)
        assert isinstance(given, dict)
        keys = [key for key, words in right.items() if given.get(key, ()) != words]
        swapped = sorted(given.get(key, ()) for key in keys) == sorted(right[key] for key in keys)
        mistakes = 1 if len(keys) == 2 and swapped else len(keys)
        return mistakes, [f"{key}={','.join(given.get(key, ()))}" for key in keys]
    if question.kind == "several":
        wrong = sorted(set(right) ^ set(given))
        return len(wrong), wrong
    if question.kind == "order" and right != given:
        moved = any(_without(right, one) == _without(given, one) for one in right)
        return 1 if moved and len(given) == len(right) else 2, ["*"]
    return int(right != given), [",".join(given)]


def _without(letters: Words, letter: str) -> Words:
    return tuple(one for one in letters if one != letter)


def _mistakes(question: Question, keys: list[str]) -> tuple[Mistake, ...]:
    """The explanations for these wrong answers, from the most special to the most general."""
    found = []
    for key in keys:
        name = next(
            (name for name in (key, key.partition("=")[0], "*") if name in question.mistakes), None
        )
        if question.words and key not in question.words:
            found.append(Mistake(f"“{key}” is not in the list of words.", "not-in-the-list"))
        elif question.kind == "match" and key.endswith("="):
            found.append(Mistake(f"{key[:-1]}: no answer yet.", "not-answered"))
        elif question.kind == "several" and key in question.answer:
            # Which one is missing would be half of the answer.
            found.append(Mistake("Something is missing.", question.mistakes[key].misconception))
        elif name is not None:
            told = question.mistakes[name]
            label = f"{key.partition('=')[0]}: " if question.kind == "match" else ""
            found.append(Mistake(f"{label}{told.says}", told.misconception))
    return tuple(found or [Mistake("That is not how it works.", "other")])
