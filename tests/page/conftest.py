"""A server in a thread, a browser, and a page with no error and no request to a foreign host."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Dialog,
    Error,
    Locator,
    Page,
    Request,
    expect,
    sync_playwright,
)

from checkpoints.setup import browser as browsers
from shared.console import mount_console
from tests.page.server import Crowd, create_app


class _Server(uvicorn.Server):
    """uvicorn that says when it is ready."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(uvicorn.Config(app, port=0, log_level="error"))
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @property
    def url(self) -> str:
        port = self.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve `app` on a free port of the loopback interface while the block runs."""
    server = _Server(app)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert server.ready.wait(30), "The test server did not start within 30 s."
        yield server.url
    finally:
        server.should_exit = True
        thread.join()


@dataclass
class Site:
    """Where the servers are, and what a test may do to them."""

    url: str
    bare_url: str  # the console alone: no endpoint yet
    server: Crowd
    issuer_url: str = ""  # where people sign in, if they do


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    app, server = create_app()
    bare = FastAPI()
    mount_console(bare)
    with serving(app) as url, serving(bare) as bare_url:
        yield Site(url, bare_url, server)


# Module scope, not session: while Playwright's loop lives, no asynchronous test can run.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=browsers.find(), args=browsers.arguments()
            )
        except Error as error:
            pytest.fail(f"The page tests need a browser.\n\n{error}", pytrace=False)
        yield browser
        browser.close()


@dataclass
class Console:
    """The page as a person uses it."""

    page: Page
    site: Site
    problems: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()  # parts of console messages that the test provokes

    def note(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.problems.append(message.text)

    def dismiss(self, dialog: Dialog) -> None:
        self.problems.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def look_at(self, request: Request) -> None:
        own = {
            urlsplit(url).netloc
            for url in (self.site.url, self.site.bare_url, self.site.issuer_url)
        }
        if urlsplit(request.url).netloc not in {*own, ""}:  # data: has no host
            self.foreign.append(request.url)

    def open(self, url: str | None = None) -> None:
        self.page.goto(url or self.site.url)
        expect(self.box).to_be_enabled()

    @property
    def chat(self) -> Locator:
        return self.page.locator("openai-chatkit")

    @property
    def box(self) -> Locator:
        return self.page.get_by_role("textbox", name="Message", exact=True)

    @property
    def answers(self) -> Locator:
        return self.page.get_by_role("group", name="Assistant", exact=True).locator(".parts")

    @property
    def rows(self) -> Locator:
        return self.page.get_by_role("list", name="Events").get_by_role("button")

    def begin(self, text: str) -> None:
        """Send a message and do not wait for the answer."""
        self.box.fill(text)
        self.box.press("Enter")

    def send(self, text: str) -> None:
        self.begin(text)
        self.settled()

    def settled(self) -> None:
        expect(self.chat).to_have_attribute("aria-busy", "false")

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def press_last(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).last.click()


@pytest.fixture
def console(browser: Browser, site: Site) -> Iterator[Console]:
    site.server.users.clear()
    context = browser.new_context(
        locale="en-GB",
        reduced_motion="reduce",  # colours are measured: not in the middle of a fade
        viewport={"width": 1280, "height": 800},
    )
    context.set_default_timeout(10_000)
    page = context.new_page()
    console = Console(page, site)
    page.on("pageerror", lambda error: console.problems.append(str(error)))
    page.on("console", console.note)
    page.on("dialog", console.dismiss)
    context.on("request", console.look_at)
    yield console
    context.close()
    unexpected = [p for p in console.problems if not any(part in p for part in console.expected)]
    assert not unexpected
    assert not console.foreign
