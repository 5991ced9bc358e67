"""Reads a skill that somebody wrote (SKILL.md), and says what is missing in it.

The format is judged by the reference validator of the Agent Skills specification, the rest by plain
rules: sections, questions, topics. Whether the advice is good is for a person to judge.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from skills_ref import find_skill_md, validate  # type: ignore[import-untyped]

from checkpoints.engine.prose import Problem, look_at
from checkpoints.engine.verdict import Failed

SECTIONS = ("Persona", "Questions", "Principles")
_LEAST_WORDS = {"Persona": 10, "Questions": 30, "Principles": 30}
_JUDGED = "Whether it is good advice, a person judges."
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_FRONT = re.compile(r"\A---\n.*?\n---\s*$", re.DOTALL | re.MULTILINE)
_MARK = re.compile(r"^[\s#*+>|-]*(\d+[.)])?[\s*_]*")  # what makes a line a list item or a heading
_BLOCK = re.compile(
    r"\s*(?:[-*+]|\d+[.)]|#{1,6}|\|)\s|\s*$"
)  # what a line begins something new with


@dataclass(frozen=True)
class _Skill:
    """The body of a SKILL.md: section → text, and the whole."""

    sections: Mapping[str, str]
    body: str


def require_skill(
    work: Path,
    name: str,
    *,
    decisions: int,
    touching: Mapping[str, Sequence[str]],
    known: Mapping[str, Path],
) -> int:
    """Raise Failed unless `work/skills/<name>/SKILL.md` is a skill. Returns its decision points.

    `decisions`: how many it needs. `touching`: what it has to speak of → beginnings of words that
    do. `known`: where text may have been copied from → a file, or a folder of files.
    """
    file = _find(work, name)
    shown = f"work/skills/{name}/{file.name}"
    skill = _read(file, shown)
    copied = {source: _text_of(path) for source, path in known.items() if path.exists()}
    problems = [
        f"{section}: {problem.observed}"
        for section in SECTIONS
        if (problem := _look(section, skill.sections.get(section), copied))
    ]
    asked = _questions(skill.sections.get("Questions", ""))
    lesson = _plain("\n".join(copied.values()))
    questions = [one for one in asked if _plain(one) not in lesson]
    if not problems and len(questions) < decisions:
        problems.append(
            f"Questions: there {'is' if len(questions) == 1 else 'are'} {len(questions)} "
            f"decision point{'' if len(questions) == 1 else 's'} of your own, of {decisions}."
        )
        if borrowed := [f"“{one}?”" for one in asked if one not in questions]:
            problems.append(f"In the lesson's own words, and so not counted: {', '.join(borrowed)}")
        misconception = "too-few-decisions"
    else:
        misconception = "skill-incomplete"
    words = look_at(skill.body, at_least=0, touching=touching, known={})
    if words:
        problems.append(words.observed)
    if problems:
        raise Failed(
            tried=f"Read `{shown}`.",
            observed="\n".join(problems),
            expected=f"Below the headings {', '.join(SECTIONS[:-1])} and {SECTIONS[-1]} stands text of "
            f"your own. Below Questions stand at least {decisions} decision points: list items or "
            "headings that are questions, each about something that has to be decided anew in "
            f"every project. It speaks of {_listed(touching)}. {_JUDGED}",
            misconception=misconception,
        )
    return len(questions)


def _find(work: Path, name: str) -> Path:
    folder = work / "skills" / name
    file: Path | None = find_skill_md(folder)
    if file is not None and file.is_file():
        return file
    others = [path.relative_to(work) for path in sorted(work.rglob("*.md"))][:3]
    found = f" There is {', '.join(f'work/{other}' for other in others)}." if others else ""
    raise Failed(
        tried=f"Looked for your skill `{name}`.",
        observed=f"There is no file `work/skills/{name}/SKILL.md`.{found}",
        expected=f"A skill is a folder of its name with a file SKILL.md: `work/skills/{name}/SKILL.md`.",
        misconception="skill-missing",
    )


def _read(file: Path, shown: str) -> _Skill:
    try:
        text = file.read_text(encoding="utf-8").replace("\r\n", "\n")
        errors = validate(file.parent)
    except UnicodeError:
        errors, text = ["The file is not written in UTF-8."], ""
    except OSError as error:
        errors, text = [f"It cannot be read: {error.strerror}."], ""
    if text.startswith("\ufeff"):
        errors = ["There is a mark (BOM) before the first `---`. Save it as UTF-8 without BOM."]
    if errors:
        raise Failed(
            tried=f"Read `{shown}` with the reference validator of Agent Skills.",
            observed="\n".join(errors),
            expected="The file begins with two lines of `---`, and between them `name:` (the name of "
            "its folder) and `description:` (what the skill does, and when to use it).",
            misconception="skill-invalid",
        )
    body = _COMMENT.sub("", _FRONT.sub("", text, count=1))
    return _Skill(_sections(body), body)


def _sections(body: str) -> dict[str, str]:
    """The text below each of the headings, up to the next heading that is as high."""
    found: dict[str, str] = {}
    lines = body.splitlines()
    for number, line in enumerate(lines):
        heading = re.match(r"(#{1,6})\s+(.*)", line)
        if not heading:
            continue
        name = next((one for one in SECTIONS if one.casefold() in heading[2].casefold()), None)
        if name is None or name in found:
            continue
        level = len(heading[1])
        inside = []
        for below in lines[number + 1 :]:
            if re.match(rf"#{{1,{level}}}\s", below):
                break
            inside.append(below)
        found[name] = "\n".join(inside)
    return found


def _look(section: str, text: str | None, known: Mapping[str, str]) -> Problem | None:
    if text is None:
        return Problem("there is no heading of this name.", "", "section-missing")
    return look_at(text, at_least=_LEAST_WORDS[section], touching={}, known=known)


def _questions(section: str) -> list[str]:
    """The blocks of a section that are questions, each once, as far as the question mark."""
    blocks: list[str] = []
    for line in section.splitlines():
        if _BLOCK.match(line) or not blocks:
            blocks.append(line)
        else:
            blocks[-1] += f" {line}"
    asked = [_MARK.sub("", block.split("?")[0]).strip() for block in blocks if "?" in block]
    each = {_plain(one): one for one in asked}
    return [one for plain, one in each.items() if len(plain.split()) > 2]


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def _text_of(path: Path) -> str:
    files = [path] if path.is_file() else sorted(path.rglob("*.md"))
    return "\n".join(file.read_text(encoding="utf-8", errors="replace") for file in files)


def _listed(names: Mapping[str, Sequence[str]]) -> str:
    *most, last = names
    return f"{', '.join(most)}, and of {last}" if most else last
