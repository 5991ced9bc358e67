"""What can be said by rule about a text that somebody wrote: that it is there, and is one.

Whether it is *right* is for a person to judge; no rule here pretends to know.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_RUN = 5  # so many words in a row are nobody's by chance
_COPIED = 0.5  # of these runs stand in a known text too
_VARIED = 0.35  # different words among all of them; plain prose has more than a half


@dataclass(frozen=True)
class Problem:
    """Why a text cannot be handed to a person yet."""

    observed: str
    expected: str
    misconception: str


def look_at(
    text: object, *, at_least: int, touching: Mapping[str, Sequence[str]], known: Mapping[str, str]
) -> Problem | None:
    """Return what keeps a text from being read by a person, or None.

    `at_least`: words. `touching`: what it has to speak of → beginnings of words that do. `known`:
    where a text may have been copied from → what stands there.
    """
    words = _words(text if isinstance(text, str) else "")
    if not words:
        return Problem(
            "Nothing is written there.", f"A text of {at_least} words.", "nothing-written"
        )
    if source := _copied_from(words, known):
        return Problem(
            f"Most of it stands word for word in {source}.",
            "Your own words, as if you told it to somebody who has not read the lesson.",
            "copied-text",
        )
    if len(words) < at_least:
        return Problem(
            f"It has {_count(words)}.", f"A text of {at_least} words or more.", "text-too-short"
        )
    commonest, times = Counter(words).most_common(1)[0]
    if len(set(words)) < _VARIED * len(words):
        return Problem(
            f"It has {_count(words)}, but only {len(set(words))} different ones; “{commonest}” "
            f"comes {times} times.",
            "Sentences that say something.",
            "text-repeats",
        )
    missing = [topic for topic, signs in touching.items() if not _speaks_of(words, signs)]
    if missing:
        return Problem(
            f"It does not speak of {_listed(missing)}.",
            f"It speaks of {_listed(list(touching))}, in whatever words.",
            "text-misses-a-point",
        )
    return None


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+(?:['’][^\W_]+)?", text.casefold())


def _count(words: Sequence[str]) -> str:
    return f"{len(words)} word{'' if len(words) == 1 else 's'}"


def _listed(topics: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(topics[:-1]), topics[-1]]))


def _speaks_of(words: Sequence[str], signs: Sequence[str]) -> bool:
    return any(word.startswith(sign) for word in words for sign in signs)


def _copied_from(words: Sequence[str], known: Mapping[str, str]) -> str | None:
    runs = _runs(words)
    for source, text in known.items():
        if len(runs & _runs(_words(text))) > _COPIED * len(runs):
            return source
    return None


def _runs(words: Sequence[str]) -> set[tuple[str, ...]]:
    return {tuple(words[start : start + _RUN]) for start in range(len(words) - _RUN + 1)}
