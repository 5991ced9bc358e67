"""Lesson 7's page as somebody finds it who has typed `make lesson-07`: one command, and an answer."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from checkpoints.lesson import ROOT
from tests.page.test_console import assert_accessible

pytestmark = pytest.mark.slow

SECONDS = 120


@contextmanager
def lesson(folder: Path, mode: str) -> Iterator[str]:
    """The command, running the checkpoint with a database of its own. Yields the server's address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "checkpoints", "lesson", "07", "--from", "checkpoint"],
        cwd=ROOT,
        env={
            **os.environ,
            "PORT": str(port),
            "AUTH_MODE": mode,
            "CHATKIT_DATABASE": str(folder / "chat.db"),
            "CHATKIT_MODEL": "offline",
            "CHATKIT_PACE": "0",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said: list[str] = []
    try:
        assert process.stdout
        for line in process.stdout:
            said.append(line)
            if "Ctrl-C stops" in line:
                break
        else:
            pytest.fail("".join(said))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SECONDS)


@pytest.fixture(scope="module")
def bearer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with lesson(tmp_path_factory.mktemp("seven"), "bearer") as address:
        yield address


@contextmanager
def window(browser: Browser, width: int, scheme: str) -> Iterator[tuple[Page, list[str]]]:
    """A page, and what it complained of: errors, and what its policy forbade."""
    context = browser.new_context(
        locale="en-GB",
        reduced_motion="reduce",
        viewport={"width": width, "height": 800},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    context.set_default_timeout(20_000)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda one: problems.append(one.text) if one.type == "error" else None)
    yield page, problems
    context.close()


def ask(page: Page, question: str) -> None:
    box = page.get_by_role("textbox", name="Message", exact=True)
    expect(box).to_be_enabled()
    box.fill(question)
    box.press("Enter")
    expect(page.locator("openai-chatkit")).to_have_attribute("aria-busy", "false")


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
    with lesson(tmp_path, mode) as address, window(browser, 1280, "light") as (page, problems):
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
