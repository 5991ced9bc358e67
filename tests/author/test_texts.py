"""Lesson texts keep their promises: order, limits, links, and code that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from checkpoints import lesson as lessons
from checkpoints.lesson import ROOT, anchor

LESSONS = lessons.numbers()
SCAFFOLDING = (
    "ai as teacher",
    "ai as student",
    "ai as co-worker",
    "three roles",
    "layer 1",
    "layer 2",
    "layer 3",
    "layer 4",
    "bloom",
    "cognitive load",
    "scaffold",
    "meta-commentary",
    "as an ai",
)
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md")]


def tokens(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(text)


def headings(text: str) -> list[str]:
    parsed = tokens(text)
    return [parsed[n + 1].content for n, one in enumerate(parsed) if one.type == "heading_open"]


def text_of(number: int) -> str:
    return lessons.load(number).text.read_text(encoding="utf-8")


def python_blocks(text: str) -> list[str]:
    return [one.content for one in tokens(text) if one.type == "fence" and one.info == "python"]


@pytest.mark.parametrize("number", LESSONS)
def test_sections_that_verdicts_point_at_are_there(number: int) -> None:
    lesson = lessons.load(number)
    assert {touch.section for touch in lesson.touches} <= set(headings(text_of(number)))


@pytest.mark.parametrize("number", LESSONS)
def test_the_specification_comes_before_the_code(number: int) -> None:
    text = text_of(number)
    code = text.find("```python")
    assert 0 < text.find("specification") < (code if code > 0 else len(text))
    assert headings(text)[1] == "What will work at the end"


@pytest.mark.parametrize("number", LESSONS)
def test_no_more_than_ten_concepts_and_each_is_introduced(number: int) -> None:
    concepts = lessons.load(number).concepts
    assert 1 <= len(concepts) <= 10
    for concept in concepts:
        assert concept in text_of(number)


@pytest.mark.parametrize("number", LESSONS)
def test_the_text_can_be_read_in_the_time_it_promises(number: int) -> None:
    """At 150 words a minute half of 30 minutes go to reading; the rest is for doing."""
    prose = re.sub(r"```.*?```", "", text_of(number), flags=re.DOTALL)
    assert len(prose.split()) <= 2500


@pytest.mark.parametrize("number", LESSONS)
def test_how_the_text_was_planned_stays_out_of_it(number: int) -> None:
    text = text_of(number).lower()
    assert [words for words in SCAFFOLDING if words in text] == []


@pytest.mark.parametrize("number", LESSONS)
def test_safety_product_and_prompts(number: int) -> None:
    found = headings(text_of(number))
    assert "A word on safety" in found
    assert "What this adds to the product" in found
    has_code = lessons.load(number).has_code
    assert ("Try With AI" in found) == has_code
    if has_code:
        last = text_of(number).split("## Try With AI")[1]
        assert len(re.findall(r"^\*\*\d\.\*\*", last, re.MULTILINE)) == 3
        assert last.count("What you are learning:") == 3


def test_every_python_block_stands_in_a_file_that_runs() -> None:
    """In a checkpoint, or in a wrong or right work that the tests judge."""
    for number in LESSONS:
        lesson = lessons.load(number)
        files = [*lesson.checkpoint.rglob("app/*.py")]
        files += (lessons.SUBMISSIONS / lesson.name).rglob("app/*.py")
        sources = [file.read_text(encoding="utf-8") for file in files]
        for block in python_blocks(text_of(number)):
            assert any(block.strip("\n") in source for source in sources), block


@pytest.mark.parametrize("number", LESSONS)
def test_a_lesson_without_code_shows_none(number: int) -> None:
    assert lessons.load(number).has_code or not python_blocks(text_of(number))


@pytest.mark.parametrize("number", LESSONS)
def test_mistakes_and_commands_in_the_text_are_there(number: int) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    text = text_of(number)
    for name in re.findall(r"FROM=mistake:([\w-]+)", text):
        folder = lessons.SUBMISSIONS / lessons.load(number).name / "wrong" / name
        assert folder.is_dir(), name
    for target in re.findall(r"make ([a-z]+)(?:-\d\d)?", text):
        assert re.search(rf"^\$?\(?.*\b{target}\b.*:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("page", [*PAGES, *(lessons.load(n).text for n in LESSONS)], ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]*(?:#[^)\s]*)?)\)", text):
        file, _, fragment = target.partition("#")
        if "://" in file:
            continue
        linked = (page.parent / file) if file else page
        assert linked.exists(), target
        if fragment:
            known = {anchor(one) for one in headings(linked.read_text(encoding="utf-8"))}
            assert fragment in known, target
