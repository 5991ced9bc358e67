"""Lesson 6's threat table: attacks, what stops them, and the tests that show it.

A rule can say that the rows are there, that they are about different things, that a defence speaks of
what can stop the attack, and that the test exists. Whether the defence is in the code, and whether an
attack is missing, a person judges.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from checkpoints.engine import paper, prose
from checkpoints.engine.verdict import short
from checkpoints.L06.kinds import KINDS_OF_ATTACK, Kind
from checkpoints.L06.sabotage import FILE as TESTS

FILE = "threats.toml"
ROWS = 8
KINDS = 6  # different ones among the rows
BY_HAND = 4  # rows at most
_KEYS = ("attack", "defence", "test")
_BY_HAND = re.compile(r"\bhand|\bmanual|\bmake\W+attack", re.IGNORECASE)
_TESTABLE = (
    "By hand is for what cannot be seen from outside: "
    + ", ".join(kind.name for kind in KINDS_OF_ATTACK if kind.shown is False)
    + "."
)


@dataclass(frozen=True)
class Row:
    """One row of the table. `number` counts from 1, as one counts in the file."""

    number: int
    attack: str
    defence: str
    test: str

    @property
    def kinds(self) -> list[Kind]:
        """The kinds that it may be of; none for an idea of the student's own."""
        text = self.attack.casefold().replace("’", "'")
        return [
            kind
            for kind in KINDS_OF_ATTACK
            if all(re.search(pattern, text) for pattern in kind.attack)
        ]

    @property
    def label(self) -> str:
        return f"Threat {self.number} (“{_short(self.attack)}”)"


_fail = partial(paper.failed, FILE)
_short = partial(short, most=70)


def require_threats(work: Path, remark: Callable[[str], None]) -> None:
    """Raise Failed unless the rows are about different attacks, each with a defence and a test."""
    rows = list(_rows(paper.read_or_fail(work / FILE, "threats")))
    _require_words(rows)
    _require_enough(rows)
    _require_different(rows)
    _require_kinds(rows)
    for row in rows:
        _require_defence(row)
    tests = _tests(work / TESTS)
    for row in rows:
        _require_test(row, tests)
    by_hand = sum(_is_by_hand(row) for row in rows)
    if by_hand > BY_HAND:
        raise _fail(
            f"{by_hand} of {len(rows)} threats are looked at by hand.",
            f"{_TESTABLE} No more than {BY_HAND} are looked at by hand.",
            "threat-without-test",
        )
    remark(
        f"{len(rows)} threats: {len(rows) - by_hand} with a test, {by_hand} by hand. Whether each "
        "defence is in the code, and which attack is missing, a person judges."
    )


def _rows(found: Mapping[str, Any]) -> Iterator[Row]:
    """The rows in which something is written. Raises Failed."""
    listed = []
    for name in ("threat", "threats"):
        part = found.get(name, [])
        listed += part if isinstance(part, list) else [part]
    for number, one in enumerate(listed, 1):
        if not isinstance(one, dict):
            raise _fail(
                f"What stands at `threat` number {number} has no lines of its own.",
                "Each attack is a block below a line [[threat]], with attack, defence and test.",
                "threats-unreadable",
            )
        given = {str(key).lower(): _text(value) for key, value in one.items()}
        given.setdefault("defence", given.pop("defense", ""))
        if unknown := given.keys() - {*_KEYS, "defense"}:
            raise _fail(
                f"Threat {number} has a line `{sorted(unknown)[0]}`.",
                f"A threat has the lines {', '.join(_KEYS[:-1])} and {_KEYS[-1]}.",
                "threats-unreadable",
            )
        row = Row(number, *(given.get(key, "") for key in _KEYS))
        if row.attack or row.defence or row.test:
            yield row


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value).strip()


def _require_words(rows: Sequence[Row]) -> None:
    for row in rows:
        for key, least in (("attack", 2), ("defence", 4)):
            problem = prose.look_at(getattr(row, key), at_least=least, touching={}, known={})
            if problem:
                raise _fail(
                    f"Threat {row.number}, {key}: {problem.observed}",
                    "The attack says what somebody tries, the defence what stops it: which part of your "
                    "server looks at what.",
                    problem.misconception,
                )


def _require_enough(rows: Sequence[Row]) -> None:
    if len(rows) < ROWS:
        raise _fail(
            f"There {'is 1 threat' if len(rows) == 1 else f'are {len(rows)} threats'}.",
            f"At least {ROWS}: who could want to pretend, read, write, delete, find out, overload?",
            "too-few-threats",
        )


def _require_kinds(rows: Sequence[Row]) -> None:
    """Raise Failed where the attacks are all of the same few kinds."""
    seen = {kind.name for row in rows for kind in row.kinds}
    own = sum(not row.kinds for row in rows)
    if len(seen) + own < KINDS:
        missing = [kind.name for kind in KINDS_OF_ATTACK if kind.name not in seen]
        raise _fail(
            f"They are all about the same few things. Nothing yet about: {', '.join(missing)}.",
            f"The {ROWS} or more threats are of at least {KINDS} kinds, these or your own. Ask of each "
            "sentence of the specification how one would get round it.",
            "threats-of-one-kind",
        )


def _require_different(rows: Sequence[Row]) -> None:
    """Raise Failed where rows are copies of each other."""
    attacks: dict[str, Row] = {}
    for row in rows:
        other = attacks.setdefault(_plain(row.attack), row)
        if other is not row:
            raise _fail(
                f"Threats {other.number} and {row.number} are the same attack: “{_short(row.attack)}”.",
                "Each attack stands there once.",
                "threats-copied",
            )
    for key in ("defence", "test"):
        counted = Counter(_plain(getattr(row, key)) for row in rows if not _is_by_hand(row))
        for words, times in counted.most_common(1):
            if times > len(rows) * 2 // 3:
                raise _fail(
                    f"{times} of {len(rows)} threats have the same {key}: “{_short(words)}”.",
                    "One part of a server can stop several attacks, and one test can try several. But "
                    "each attack has to be thought through.",
                    "threats-copied",
                )


def _require_defence(row: Row) -> None:
    kinds = row.kinds
    fitting = [stem for kind in kinds for stem in kind.defence]
    if kinds and prose.look_at(row.defence, at_least=0, touching={"it": fitting}, known={}):
        raise _fail(
            f"{row.label}: the defence “{_short(row.defence)}” does not say what stops "
            f"{' or '.join(kind.name for kind in kinds)}.",
            "Which part of your server looks at what, so that this attack fails?",
            "defence-does-not-fit",
        )


def _require_test(row: Row, tests: Sequence[str] | None) -> None:
    if not row.test:
        raise _fail(
            f"{row.label} names no test.",
            f"The name of a test in `{TESTS}`, or “by hand” where none can show it.",
            "threat-without-test",
        )
    if _is_by_hand(row):
        if row.kinds and all(kind.shown for kind in row.kinds):
            raise _fail(
                f"{row.label} is looked at by hand.",
                f"A test can show this one. {_TESTABLE}",
                "threat-without-test",
            )
        return
    if tests is None:
        raise _fail(
            f"{row.label} names the test `{row.test}`, and `{TESTS}` cannot be read.",
            f"`work/{TESTS}` is a file of Python with this test in it.",
            "threat-without-test",
        )
    for name in _named(row.test):
        if name not in tests:
            raise _fail(
                f"{row.label} names the test `{name}`. There is none of that name in `{TESTS}`.",
                f"There {'is' if len(tests) == 1 else 'are'}: {', '.join(tests) or 'none'}.",
                "threat-without-test",
            )


def _is_by_hand(row: Row) -> bool:
    return bool(_BY_HAND.search(row.test)) and "test_" not in row.test


def _named(test: str) -> list[str]:
    """The functions in `test_attacks.py::TestX::test_y[no-2]`, or in several of these."""
    bare = re.sub(r"\[.*?\]|\(.*?\)|`", "", test)
    return [one.rpartition("::")[2] for one in re.split(r"[,;\s]+(?:and\s+)?", bare) if one]


def _tests(file: Path) -> list[str] | None:
    """The names of the test functions in the file; None where it cannot be read."""
    try:
        nodes = ast.walk(ast.parse(file.read_bytes()))
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [one.name for one in nodes if isinstance(one, kinds) and one.name.startswith("test")]


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
