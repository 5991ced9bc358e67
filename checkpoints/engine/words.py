"""Fresh words for each run."""

from __future__ import annotations

import random


class Words:
    """Words that nobody can have written into an answer beforehand."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def word(self) -> str:
        """A pronounceable word of eight letters, such as `tolavemi`."""
        return "".join(
            self._chance.choice("bdfgklmnprstvz") + self._chance.choice("aeiou") for _ in range(4)
        )

    def choice(self, *given: str) -> str:
        """One of them."""
        return self._chance.choice(given)

    def sentence(self, length: int = 5) -> str:
        """A few words that end with a full stop."""
        return " ".join(self.word() for _ in range(length)).capitalize() + "."
