"""The pictures in the texts show the pages as they are. `make pictures` takes them anew.

Pixels differ from machine to machine. So what is compared is the tree that a screen reader gets,
which is kept beside this file with the hash of the picture that was taken of it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from checkpoints.lesson import ROOT
from tests.page.lesson import ask, lesson, window

pytestmark = pytest.mark.slow

TREES = Path(__file__).parent / "pictures"
RETAKE = "RETAKE" in os.environ


@dataclass(frozen=True)
class Picture:
    """Where it is, and how one gets there."""

    file: str
    number: int  # of the lesson whose server is shown
    scene: Callable[[Page, str], None]  # gets a window, and the server's address
    height: int = 800

    @property
    def tree(self) -> Path:
        return TREES / Path(self.file).with_suffix(".yml").name


def console(page: Page, address: str) -> None:
    page.goto(address)
    for question in ("add buy milk", "add call Amina", "show my tasks"):
        ask(page, question)
        expect(page.get_by_role("group", name="Assistant", exact=True).last).to_be_visible()
    expect(page.get_by_role("list", name="Events")).to_contain_text("thread.item.done")


def page_with_answer(page: Page, address: str) -> None:
    page.goto(f"{address}/app/")
    page.get_by_role("button", name="Sign in as alice").click()
    ask(page, "Which page am I looking at?")
    expect(page.get_by_role("group", name="Assistant", exact=True)).to_contain_text("headings")


def script_failed(page: Page, address: str) -> None:
    page.route("**/chatkit.js", lambda route: route.abort())
    page.goto(f"{address}/app/")
    page.get_by_role("button", name="Sign in as alice").click()
    expect(page.get_by_role("button", name="Try again")).to_be_visible()


PICTURES = (
    Picture("lessons/console.png", 2, console),
    Picture("lessons/L07/page.png", 7, page_with_answer),
    Picture("lessons/L07/script-failed.png", 7, script_failed, height=400),
)


def tree_of(page: Page) -> str:
    """What the page shows, as a screen reader has it. Times and ports are other ones each time."""
    return re.sub(r"\d+(\.\d+)?( (ms|s|k?B)\b)?", "0", page.locator("body").aria_snapshot())


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.tree.stem)
def test_a_picture_shows_what_is_there(browser: Browser, tmp_path: Path, picture: Picture) -> None:
    file = ROOT / picture.file
    usual = {"PORT": str(8000 + picture.number)} if RETAKE else {}
    with (
        lesson(picture.number, tmp_path, CHATKIT_PACE="20", **usual) as address,
        window(browser, 1280, "light") as (page, _),
    ):
        page.set_viewport_size({"width": 1280, "height": picture.height})
        picture.scene(page, address)
        tree = tree_of(page)
        if RETAKE:
            page.screenshot(path=file)
            picture.tree.write_text(f"# {sha256(file)}\n{tree}\n", encoding="utf-8")
    kept_hash, kept_tree = picture.tree.read_text(encoding="utf-8").split("\n", 1)
    assert kept_tree == tree + "\n", "the page has changed: make pictures"
    assert kept_hash == f"# {sha256(file)}", "another picture than make pictures has taken"


def test_every_picture_is_one_of_these() -> None:
    found = {str(file.relative_to(ROOT)) for file in ROOT.glob("lessons/**/*.png")}
    student_files = {name for name in found if "/app/" in name or "/work/" in name}
    assert found - student_files == {picture.file for picture in PICTURES}
