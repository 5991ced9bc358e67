"""Noticing that a file was saved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import watchfiles

_LOOK_MS = 250


def saves(app: Path, *, polling: bool | None = None) -> Iterator[bool]:
    """Watch a folder from now on. Yields True after a save, and False while there is none, so that
    whoever waits can look at other things four times a second.

    `polling`: look at the files instead of being told; None lets watchfiles decide.
    """
    return _saves(app, polling, _watch(app, polling), _identity(app))


def _saves(
    app: Path, polling: bool | None, changes: Iterator[bool], known: int | None
) -> Iterator[bool]:
    while True:
        changed = next(changes)
        found = _identity(app)
        if found and found != known:  # `make reset`, or git, has put another folder there
            changed, changes, known = True, _watch(app, polling), found
        yield changed


def _watch(app: Path, polling: bool | None) -> Iterator[bool]:
    changes = watchfiles.watch(
        app,
        force_polling=polling,
        poll_delay_ms=300,
        rust_timeout=_LOOK_MS,
        yield_on_timeout=True,
    )
    first = next(changes)  # only now it watches

    def all_of_them() -> Iterator[bool]:
        yield bool(first)
        for found in changes:
            yield bool(found)

    return all_of_them()


def _identity(folder: Path) -> int | None:
    """The number that the file system knows this folder by; None where there is none just now."""
    try:
        return folder.stat().st_ino
    except FileNotFoundError:
        return None
