"""A lesson's server as its command starts it, and a window of the browser on it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from checkpoints.lesson import ROOT

SECONDS = 120


@contextmanager
def lesson(number: int, folder: Path, **environment: str) -> Iterator[str]:
    """`make lesson-NN FROM=checkpoint` with a database of its own. Yields the server's address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "checkpoints", "lesson", f"{number}", "--from", "checkpoint"],
        cwd=ROOT,
        env={
            **os.environ,
            "PORT": str(port),
            "CHATKIT_DATABASE": str(folder / "chat.db"),
            "CHATKIT_MODEL": "offline",
            "CHATKIT_PACE": "0",
            **environment,
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
        yield f"http://127.0.0.1:{environment.get('PORT', port)}"
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=SECONDS)


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
    chat = page.locator("openai-chatkit")
    expect(chat).to_have_attribute("aria-busy", "false", timeout=20_000)
