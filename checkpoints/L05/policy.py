"""Lesson 5's written work: how long sessions last, decided with figures of one's own server.

A rule can say that the figures are those of the measurement, that a choice can be defended, and
that its reason names both sides. Whether the reason is a good one, a person judges.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from checkpoints import lesson as lessons
from checkpoints.engine import paper, prose
from checkpoints.measure import FILE as MEASURED
from checkpoints.measure import IDLE, MEGABYTE

LESSON = lessons.load(5)
FILE = "policy.toml"
CHOICES = tuple(IDLE)
WORDS = 12  # of a reason
CONVERSATIONS = "1000"  # a day, for which the three sizes are copied
_ROUNDED = 0.03  # so far may a figure be from the measured one: 9.5 MB may be 9.54
_LONGEST_PAUSE = 168  # hours between two clean-ups

# What a reason has to weigh. Beginnings of words.
_KEEPING = (
    "stor", "disk", "space", "byte", "mb", "megabyte", "gb", "gigabyte", "cost", "cheap", "pay",
    "price", "priva", "person", "ill", "health", "secret", "sensitive", "share", "read", "leak",
    "stolen", "keep", "kept", "delet", "data", "stranger",
)  # fmt: skip
_RETURNING = (
    "return", "back", "again", "resum", "contin", "tomorrow", "morning", "evening", "lunch",
    "weekend", "saturday", "sunday", "monday", "friday", "night", "later", "next", "visit", "once",
    "week", "pause", "break", "left", "leave", "go",
)  # fmt: skip
_SIDES = {
    "what keeping costs (space, money or privacy)": _KEEPING,
    "people who come back": _RETURNING,
}
_WHEN = {
    "who is there at that time, or what waiting for the next clean-up means": (
        "night", "quiet", "busy", "load", "traffic", "writ", "user", "people", "nobody", "wait",
        "hour", "day", "minute", "long", "later", "until", "expire", "promise", "slice", "small",
        "space", "disk",
    )
}  # fmt: skip


@dataclass(frozen=True)
class Product:
    """A product to choose for."""

    name: str
    fits: tuple[str, ...]
    ask: str  # what to ask somebody whose choice does not fit


PRODUCTS = (
    Product("pharmacy", ("hour", "day"), "Who sits at that computer in the days after?"),
    Product("assistant", ("day", "week"), "What does somebody find who comes back from lunch?"),
    Product("builder", ("week",), "Who comes back on Saturday finds what?"),
)


_fail = partial(paper.failed, FILE)


def require_policy(work: Path, remark: Callable[[str], None]) -> None:
    """Raise Failed unless the figures are the measured ones and each choice can be defended."""
    found = paper.read_or_fail(work / FILE, "policy")
    _compare_figures(paper.part(found, "figures"), _measured(work))
    known = {
        "the file as it was": paper.text(LESSON.template / FILE),
        "the lesson": paper.text(LESSON.text),
    }
    for product in PRODUCTS:
        given = paper.part(found, product.name)
        _judge_choice(product, given)
        _judge_reason(product.name, given, _SIDES, known)
    clean_up = paper.part(found, "clean_up")
    _judge_pause(clean_up)
    _judge_reason("clean_up", clean_up, _WHEN, known)
    remark("Figures, choices and reasons are there; whether the reasons are good, a person judges.")


def _measured(work: Path) -> dict[str, float]:
    """The four figures of the last measurement, as the file of answers names them."""
    try:
        measured = json.loads(paper.text(work / Path(MEASURED).name))
        return {
            "bytes_per_conversation": float(measured["bytes_per_conversation"]),
            **{
                f"megabytes_{name}": float(measured["kept"][name][CONVERSATIONS]) / MEGABYTE
                for name in CHOICES
            },
        }
    except (ValueError, KeyError, TypeError):
        raise _fail(
            f"`{MEASURED}` is not there, or is not what the command wrote.",
            "Figures of your own database: make measure-05 writes them.",
            "not-measured",
        ) from None


def _compare_figures(given: Mapping[str, Any], measured: Mapping[str, float]) -> None:
    """Raise Failed unless what was copied is what was measured."""
    for name, value in measured.items():
        figure = given.get(name)
        if isinstance(figure, bool) or not isinstance(figure, int | float) or figure <= 0:
            raise _fail(
                f"Below [figures], `{name}` is " + ("0." if figure == 0 else "no number yet."),
                f"What make measure-05 printed, as a number without a unit: {name} = 12.3",
                "figures-missing",
            )
        if abs(figure - value) > max(0.1, _ROUNDED * value):
            raise _fail(
                f"Below [figures], `{name}` is {figure:g}; measured were {value:,.1f}.",
                "The figures of your last make measure-05, and of its column for 1,000 "
                "conversations a day. A new run writes new ones.",
                "figures-differ",
            )


def _judge_choice(product: Product, given: Mapping[str, Any]) -> None:
    """Raise Failed unless the idle timeout can be defended."""
    choice = str(given.get("idle", "")).strip().lower()
    if choice not in CHOICES:
        said = f"is “{choice}”" if choice else "is not chosen yet"
        raise _fail(
            f"The idle timeout below [{product.name}] {said}.",
            f"One of these words: {', '.join(CHOICES)}.",
            "no-choice",
        )
    if choice not in product.fits:
        raise _fail(
            f"Below [{product.name}] you chose “{choice}”. {product.ask}",
            "A timeout that does the people of this product no harm.",
            f"choice-{product.name}",
        )


def _judge_reason(
    name: str,
    given: Mapping[str, Any],
    touching: Mapping[str, tuple[str, ...]],
    known: Mapping[str, str],
) -> None:
    problem = prose.look_at(given.get("reason"), at_least=WORDS, touching=touching, known=known)
    if problem:
        raise _fail(
            f"The reason below [{name}]: {problem.observed}",
            f"{problem.expected} Whether it is right, a person judges.",
            problem.misconception,
        )


def _judge_pause(given: Mapping[str, Any]) -> None:
    """Raise Failed unless the clean-up has an interval, in hours, that keeps a timeout's promise."""
    hours = given.get("every_hours")
    if isinstance(hours, bool) or not isinstance(hours, int | float) or hours <= 0:
        raise _fail(
            "Below [clean_up], `every_hours` is "
            + ("0." if hours == 0 else "no number of hours yet."),
            "How many hours lie between two clean-ups, as a number: every_hours = 12",
            "no-pause",
        )
    if hours > _LONGEST_PAUSE:
        raise _fail(
            f"Below [clean_up], {hours:g} hours lie between two clean-ups: more than a week.",
            "What has expired is deleted soon after. It is still on your disk until then.",
            "pause-too-long",
        )
