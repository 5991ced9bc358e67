"""What one folder of code has that another has not, as a unified diff."""

from __future__ import annotations

import difflib
from pathlib import Path

from rich.console import Console
from rich.text import Text

from checkpoints.submission import work_files

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def diff(old: Path, new: Path, *, old_name: str, new_name: str) -> list[str]:
    """The lines of `diff -ru old new`, without final newlines; files of only one side included."""
    lines: list[str] = []
    for name in sorted(_files(old) | _files(new)):
        before, after = _lines(old / name), _lines(new / name)
        lines += difflib.unified_diff(
            before, after, f"{old_name}/{name}", f"{new_name}/{name}", lineterm=""
        )
    return lines


def print_diff(console: Console, lines: list[str]) -> None:
    """Print a diff, coloured on a terminal."""
    for line in lines:
        header = line.startswith(("+++", "---"))
        console.print(Text(line, "bold" if header else _STYLES.get(line[:1], "")), soft_wrap=True)


def _files(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in work_files(folder)}


def _lines(file: Path) -> list[str]:
    if not file.exists():
        return []
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        return ["(a file that is not text)"]
