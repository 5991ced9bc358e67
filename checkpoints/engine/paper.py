"""Reads a file of written answers (TOML), patiently.

Students write it in all kinds of editors. What can be understood is understood: any encoding, any
line ending, typographic quotes, tabs. What cannot is said with its line and the way to write it.
"""

from __future__ import annotations

import codecs
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from checkpoints.engine.verdict import Failed

_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_TYPOGRAPHIC = str.maketrans(dict.fromkeys("“”„‟«»″", '"') | dict.fromkeys("‘’‚‛′", "'"))
_BLANKS = str.maketrans(
    dict.fromkeys("\u00a0\u2007\u202f\u3000", " ") | {"\u200b": "", "\ufeff": ""}
)
_LARGEST = 1_000_000  # bytes
_LONG = 40  # signs, from which on an answer is a text
_WHERE = re.compile(r"\(at (?:line (\d+), column \d+|end of document)\)")


class PaperError(Exception):
    """The file cannot be read. `line` counts from 1; None where no single line is to blame."""

    def __init__(self, problem: str, remedy: str, line: int | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy
        self.line = line


def read(file: Path) -> dict[str, Any]:
    """Return what the file holds, its keys in small letters. Raises PaperError."""
    if not file.is_file():
        raise PaperError(_missing(file), f"The answers stand in `{file.name}`.")
    if file.stat().st_size > _LARGEST:
        raise PaperError(
            f"`{file.name}` is too large to be a file of answers.", "Only your answers stand in it."
        )
    try:
        return _lowered(_parse(_decode(file.read_bytes())))
    except RecursionError:
        problem = f"`{file.name}` has brackets or dots without end."
        raise PaperError(problem, "An answer is a word, or one list of words.") from None


def read_or_fail(file: Path, kind: str) -> dict[str, Any]:
    """As `read`. Raises Failed, with the misconception `<kind>-missing` or `<kind>-unreadable`."""
    try:
        return read(file)
    except PaperError as error:
        what = "missing" if error.line is None else "unreadable"
        raise failed(file.name, error.problem, error.remedy, f"{kind}-{what}") from None


def failed(name: str, observed: str, expected: str, misconception: str) -> Failed:
    """What is wrong with a file of this name in the student's `work`."""
    return Failed(
        tried=f"Read `work/{name}`.",
        observed=observed,
        expected=expected,
        misconception=misconception,
    )


def part(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """What stands below `[name]`; nothing where there is no such part."""
    given = found.get(name)
    return given if isinstance(given, dict) else {}


def text(file: Path) -> str:
    """A file's content as it is, to compare or to search; "" where there is no file."""
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""


def _missing(file: Path) -> str:
    problem = f"There is no file `{file.name}` in `{file.parent.name}/`"
    others = sorted(other.name for other in file.parent.glob("*") if other.is_file())
    return (
        f"{problem}; there is {', '.join(f'`{name}`' for name in others)}."
        if others
        else f"{problem}."
    )


def _decode(content: bytes) -> str:
    encoding = next((name for bom, name in _BOMS.items() if content.startswith(bom)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")  # an old editor on Windows
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_BLANKS)


def _lowered(found: dict[str, Any]) -> dict[str, Any]:
    return {
        key.lower(): _lowered(value) if isinstance(value, dict) else value
        for key, value in found.items()
    }


def _parse(text: str) -> dict[str, Any]:
    """Parse, and straighten typographic quotes in the lines that do not parse for them."""
    lines = text.split("\n")
    while True:
        try:
            return tomllib.loads("\n".join(lines))
        except tomllib.TOMLDecodeError as error:
            number = _line_of(error, lines)
            line = lines[number - 1]
            straight = line.translate(_TYPOGRAPHIC)
            if straight == line:
                raise _explained(str(error), lines, number) from None
            lines[number - 1] = straight


def _line_of(error: tomllib.TOMLDecodeError, lines: list[str]) -> int:
    """The line to look at, from 1: where the parser stopped, or what it was still in by then."""
    found = _WHERE.search(str(error))
    reported = int(found[1]) if found and found[1] else len(lines)
    begun = _unclosed(lines[:reported])
    return begun or reported


def _unclosed(lines: list[str]) -> int | None:
    """The first line that opens a list or a text in triple quotes which these lines do not close."""
    opened: int | None = None
    closing = ""
    for number, line in enumerate(lines, 1):
        if closing in ('"""', "'''"):
            if closing in line:
                closing, opened = "", None
            continue
        value = _value(line)
        if closing == "]":
            # A new `key =` before the bracket: the list was meant to end in the line before.
            if re.match(r"\s*[\w.]+\s*=", line) or re.match(r"\s*\[\w", line):
                return opened
            value = line
        for sign in ('"""', "'''"):
            if value.count(sign) % 2:
                closing, opened = sign, number
                break
        else:
            bare = re.sub(r'"[^"]*"|\'[^\']*\'|#.*', "", value)
            if closing == "]" and "]" in bare:
                closing, opened = "", None
            elif not closing and bare.count("[") > bare.count("]"):
                closing, opened = "]", number
    return opened


def _value(line: str) -> str:
    """What stands behind the equals sign; nothing where there is none."""
    return re.sub(r"^\s*[\w.\"'-]+\s*=", "", line) if re.match(r"^\s*[\w.\"'-]+\s*=", line) else ""


def _explained(message: str, lines: list[str], number: int) -> PaperError:
    """What is wrong with this line, in words for somebody who has never heard of TOML."""
    line = lines[number - 1].strip()
    key = line.partition("=")[0].strip() or "q1"
    value = _value(line).strip()
    bare = re.sub(r"\s*#.*", "", value)
    shown = f"Line {number} is `{line[:70]}`."

    if "Cannot overwrite" in message or "already" in message or "twice" in message:
        problem, remedy = f"`{key}` stands there twice.", "Keep one of the two lines."
    elif '"""' in value or "'''" in value:
        problem = "A long text begins there and never ends."
        quotes = '"""' if '"""' in value else "'''"
        remedy = f"Put three quotes, {quotes}, in a line of their own below your text."
    elif line.startswith("[") and "=" not in line:
        problem = "The name of a part is not closed, or stands there twice."
        remedy = "A part begins with its name in square brackets, as in [quiz]."
    elif "=" not in line:
        problem = "That is neither an answer nor a comment."
        remedy = 'An answer is written key = "…". Anything else begins with #.'
    elif value in ("", "#") or bare == "":
        problem = f"There is nothing behind `{key} =`."
        remedy = f'Write your answer between quotes, or leave two quotes there: {key} = ""'
    elif bare.startswith("[") and not bare.endswith("]"):
        problem = "The list is not closed."
        remedy = f'Write it in one line, with a bracket at each end: {key} = ["a", "b"]'
    elif bare.startswith("["):
        problem = "In the list, a quote or a comma is missing."
        remedy = f'Each letter stands between quotes, with commas between them: {key} = ["a", "b"]'
    elif bare.startswith("{"):
        problem = "Between the braces, a quote or a comma is missing."
        remedy = 'Write it so: { item = "…", events = "…", restart = "…" }'
    elif bare[0] in "\"'" and len(bare) > _LONG:
        problem = "A text of several lines, or one with quotes in it, needs three quotes around it."
        remedy = f"Write {key} = ''' above the text, and ''' below it."
    elif bare[0] in "\"'" and bare.count(bare[0]) == 1:
        problem, remedy = (
            "The second quote is missing.",
            f'Write it so: {key} = "{bare[1:].strip()}"',
        )
    elif bare[0] not in "\"'" and bare[-1] in "\"'":
        problem, remedy = (
            "The first quote is missing.",
            f'Write it so: {key} = "{bare[:-1].strip()}"',
        )
    elif bare[0] not in "\"'":
        problem = "The answer has no quotes."
        remedy = f'A word stands between quotes: {key} = "{bare}"'
    elif "\\" in bare:
        problem = "A backslash has a meaning of its own there."
        remedy = "Write the answer without it."
    else:
        problem = "Something is left over behind the answer, or a quote is inside of it."
        remedy = f'One answer, between two quotes, and nothing else: {key} = "b"'
    return PaperError(f"{shown} {problem}", remedy, number)
