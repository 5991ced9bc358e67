"""The reader of skills: what it accepts in any shape, and what it says of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from checkpoints.engine.skill import require_skill
from checkpoints.engine.verdict import Failed

FRONT = "---\nname: tea-making\ndescription: How to make tea. Use it before any tea is made.\n---\n"
PERSONA = "I have made tea for twenty people every morning for nine years, and never spilled any."
QUESTIONS = [
    "Which leaves do the guests like best?",
    "How hot may the water be for them?",
    "When is the pot warmed, and by whom?",
    "Who decides about milk before the pouring begins?",
    "Where do wet leaves go when all is over?",
]
PRINCIPLES = """\
- Water first, leaves second, and talk third: nobody listens to a boiling kettle.
- A cup that is cold when it is filled makes cold tea, whatever else was right.
- Never leave the kitchen while the gas burns, not even for the telephone.
"""
TOPICS = {"water": ("water", "kettle"), "leaves": ("lea",)}


def body(questions: list[str], mark: str = "- ") -> str:
    """A skill with these questions."""
    asked = "\n".join(f"{mark}{one}\nBecause it differs from house to house." for one in questions)
    parts = {"Persona": PERSONA, "Questions": asked, "Principles": PRINCIPLES}
    sections = [f"## {name}\n\n{text}\n" for name, text in parts.items()]
    return "\n".join([FRONT, "# Tea\n", *sections])


def judge(folder: Path, text: str | bytes, name: str = "tea-making", known: str = "") -> int:
    """Write the skill down and read it."""
    skill = folder / "skills" / name / "SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_bytes(text.encode() if isinstance(text, str) else text)
    template = folder / "template.md"
    template.write_text(known, encoding="utf-8")
    return require_skill(
        folder, "tea-making", decisions=5, touching=TOPICS, known={"the template": template}
    )


@pytest.mark.parametrize("mark", ["- ", "* ", "1. ", "### ", "- **", "   - "])
def test_a_skill_in_any_shape(tmp_path: Path, mark: str) -> None:
    assert judge(tmp_path, body(QUESTIONS, mark)) == 5


def test_windows_line_endings(tmp_path: Path) -> None:
    assert judge(tmp_path, body(QUESTIONS).replace("\n", "\r\n")) == 5


def test_a_question_over_two_lines_counts_once(tmp_path: Path) -> None:
    longer = [*QUESTIONS[:4], "Where do wet leaves go\n  when all is over?"]
    assert judge(tmp_path, body(longer)) == 5


@pytest.mark.parametrize(
    ("text", "misconception", "says"),
    [
        (body(QUESTIONS[:3]), "too-few-decisions", "3 decision points of your own, of 5"),
        (body([*QUESTIONS[:4], QUESTIONS[0]]), "too-few-decisions", "4 decision points"),
        (body([*QUESTIONS[:4], "And then?"]), "too-few-decisions", "4 decision points"),
        (
            body(QUESTIONS).replace("## Persona", "## Me"),
            "skill-incomplete",
            "Persona: there is no",
        ),
        (body(QUESTIONS).replace(PERSONA, "Me."), "skill-incomplete", "Persona: It has 1 word"),
        (body(QUESTIONS).replace(PERSONA, f"<!-- {PERSONA} -->"), "skill-incomplete", "Nothing is"),
        (
            body(QUESTIONS).replace("ater", "ine").replace("kettle", "pan"),
            "skill-incomplete",
            "does not speak of water",
        ),
        (body(QUESTIONS).replace("tea-making", "tea"), "skill-invalid", "must match"),
        (body(QUESTIONS).replace("description", "about"), "skill-invalid", "description"),
        (body(QUESTIONS)[4:], "skill-invalid", "must start with YAML frontmatter"),
        (b"\xef\xbb\xbf" + body(QUESTIONS).encode(), "skill-invalid", "BOM"),
        (body(QUESTIONS).encode("utf-16"), "skill-invalid", "UTF-8"),
        ("", "skill-invalid", "frontmatter"),
        ("---\n[\n---\n", "skill-invalid", "YAML"),
    ],
)
def test_what_is_missing_is_said(
    tmp_path: Path, text: str | bytes, misconception: str, says: str
) -> None:
    with pytest.raises(Failed) as failed:
        judge(tmp_path, text)
    assert failed.value.misconception == misconception
    assert says in failed.value.observed


def test_questions_of_the_template_are_not_ones_own(tmp_path: Path) -> None:
    known = f"- {QUESTIONS[0]}\n- {QUESTIONS[1]}"
    with pytest.raises(Failed, match="3 decision points"):
        judge(tmp_path, body(QUESTIONS), known=known)


def test_a_skill_in_another_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        Failed, match=r"no file `work/skills/tea-making/SKILL.md`.*work/skills/tea/SK"
    ):
        judge(tmp_path, body(QUESTIONS), name="tea")


def test_no_folder_at_all(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="There is no file"):
        require_skill(tmp_path / "none", "tea-making", decisions=5, touching=TOPICS, known={})
