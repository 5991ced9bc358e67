"""Lesson 7's page as somebody finds it who has typed `make lesson-07`: one command, and an answer."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.page.lesson import ask, lesson, window
from tests.page.test_console import assert_accessible

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bearer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with lesson(7, tmp_path_factory.mktemp("seven"), AUTH_MODE="bearer") as address:
        yield address


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_an_answer_about_the_page_and_nothing_for_axe(
    browser: Browser, bearer: str, width: int, scheme: str
) -> None:
    with window(browser, width, scheme) as (page, problems):
        page.goto(f"{bearer}/app/team")
        page.get_by_role("button", name="Sign in as alice").click()
        ask(page, "Which page am I looking at?")
        answer = page.get_by_role("group", name="Assistant", exact=True).last
        expect(answer).to_contain_text("The team")
        assert problems == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert_accessible(page)


@pytest.mark.parametrize("mode", ["cookie", "bff"])
def test_no_script_reads_a_token_in_the_modes_with_a_cookie(
    browser: Browser, tmp_path: Path, mode: str
) -> None:
    with (
        lesson(7, tmp_path, AUTH_MODE=mode) as address,
        window(browser, 1280, "light") as (page, problems),
    ):
        page.goto(f"{address}/app/")
        page.get_by_role("button", name="Sign in as bob").click()
        ask(page, "Add buy milk")
        expect(page.get_by_role("group", name="Assistant", exact=True).last).to_contain_text("milk")
        readable = page.evaluate(
            "() => JSON.stringify([document.cookie, {...localStorage}, {...sessionStorage}])"
        )
        assert "eyJ" not in readable
        assert problems == []
        with urllib.request.urlopen(f"{address}/api/config") as config:
            assert json.load(config)["mode"] == mode


def test_the_policy_names_no_unsafe_script(bearer: str) -> None:
    with urllib.request.urlopen(f"{bearer}/app/") as answer:
        policy = answer.headers["Content-Security-Policy"]
    [scripts] = re.findall(r"script-src ([^;]*)", policy)
    assert scripts.split() == ["'self'"]
