"""Noticing that a file was saved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import watchfiles

_LOOK_MS = 250
_STILL_MS = 20  # without a further change, and a save is complete


def saves(*folders: Path, polling: bool | None = None) -> Iterator[set[Path]]:
    """Watch folders from now on. Yields the files after a save, and no file while there is none, so
    that whoever waits can look at other things four times a second. A folder that was replaced
    counts as a file.

    `polling`: look at the files instead of being told; None lets watchfiles decide.
    """
    return _saves(folders, polling, _watch(folders, polling), _identities(folders))


def _saves(
    folders: Sequence[Path],
    polling: bool | None,
    changes: Iterator[set[Path]],
    known: list[int | None],
) -> Iterator[set[Path]]:
    while True:
        changed = next(changes)
        found = _identities(folders)
        if all(found) and found != known:  # `make reset`, or git, has put another folder there
            changed, changes, known = {*folders}, _watch(folders, polling), found
        yield changed


def _watch(folders: Sequence[Path], polling: bool | None) -> Iterator[set[Path]]:
    changes = watchfiles.watch(
        *folders,
        force_polling=polling,
        poll_delay_ms=300,
        step=_STILL_MS,
        rust_timeout=_LOOK_MS,
        yield_on_timeout=True,
    )
    first = next(changes)  # only now it watches

    def all_of_them() -> Iterator[set[Path]]:
        for found in chain([first], changes):
            yield {Path(file) for _, file in found}

    return all_of_them()


def _identities(folders: Sequence[Path]) -> list[int | None]:
    return [_identity(folder) for folder in folders]


def _identity(folder: Path) -> int | None:
    """The number that the file system knows this folder by; None where there is none just now."""
    try:
        return folder.stat().st_ino
    except FileNotFoundError:
        return None
