"""People at a page: a browser, and what somebody sees, types and sends in it.

The page is the student's; the chat's element in it is the workbook's own, and so are the words on its
buttons.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import (
    Browser,
    BrowserContext,
    Error,
    Locator,
    Page,
    Request,
    async_playwright,
)

from checkpoints.engine.plugin import Lab
from checkpoints.engine.verdict import Failed, NotJudged, Slip
from checkpoints.page import NoPackages, PageError
from checkpoints.setup import browser as browsers

PATIENCE = 10_000  # milliseconds for what a person would wait for
_SHORT = 200  # characters of a page that are shown

WIDE = (1280, 800)
NARROW = (360, 740)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A Chromium of this machine, without a window."""
    async with async_playwright() as playwright:
        try:
            running = await playwright.chromium.launch(
                executable_path=browsers.find(), args=browsers.arguments()
            )
        except Error as error:
            raise NotJudged(
                "It needs a browser, and none could be started. Install Chrome or Chromium, or set "
                f"WORKBOOK_BROWSER to its path. ({str(error).splitlines()[0]})"
            ) from None
        yield running
        await running.close()


@dataclass(frozen=True)
class Sent:
    """A request for ChatKit, as the page sent it."""

    url: str
    headers: dict[str, str]  # names in lower case
    text: str

    @property
    def body(self) -> dict[str, Any]:
        """The JSON in it; empty where there is none."""
        try:
            found = json.loads(self.text)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def thread(self) -> str | None:
        """The thread that it is for; None where it names none."""
        params = self.body.get("params")
        found = params.get("thread_id") if isinstance(params, dict) else None
        return found if isinstance(found, str) else None


class Visitor:
    """One person, in a window of their own: nothing in it is known to the others."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.sent: list[Sent] = []
        """The requests for ChatKit so far."""
        self.asked: list[str] = []
        """The addresses of all requests so far."""
        self.problems: list[str] = []
        """Errors that the page's code has raised."""
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", self._note)

    def _note(self, request: Request) -> None:
        self.asked.append(request.url)
        if request.method == "POST" and request.url.rstrip("/").endswith("chatkit"):
            self.sent.append(Sent(request.url, request.headers, request.post_data or ""))

    async def open(self, path: str = "") -> None:
        """Open the page. Raises Failed where the server has none."""
        try:
            # Whoever acts next waits for what they need, and not for the last picture.
            response = await self.page.goto(f"{self.address}/app/{path}", wait_until="commit")
            observed = f"The status is {response.status}." if response else "There is no answer."
        except Error as error:
            response, observed = None, f"The browser got no page: {_first_line(error)}"
        if response is None or not response.ok:
            raise Failed(
                tried="Opened `/app/` in a browser.",
                observed=observed,
                expected="`mount_page(...)` in `app/main.py` serves the page there.",
                misconception="page-missing" if response else "server-gone",
            )

    async def reload(self) -> None:
        """Load the page again, as it is then."""
        await self.until(self.page.reload(wait_until="commit"), "Loaded the page again.")

    async def sign_in(self, user: str) -> None:
        """Press the button with their name on it."""
        await self.press(f"Sign in as {user}")

    async def begin(self, text: str) -> None:
        """Send a message, and do not wait for the answer."""
        tried = "Signed in at the page, and wrote into the box for a message."
        await self.until(self.box.fill(text, timeout=PATIENCE), tried)  # waits until it is enabled
        await self.until(self.box.press("Enter"), tried)

    async def say(self, text: str) -> None:
        """Send a message, and wait until the answer has come to its end."""
        await self.begin(text)
        await self.settled()

    async def settled(self) -> None:
        """Wait until nothing streams any more."""
        quiet = self.page.locator('openai-chatkit[aria-busy="false"]')
        tried = "Sent a message from the page, and waited for the answer's end."
        await self.until(quiet.wait_for(state="attached", timeout=PATIENCE), tried)

    async def until(self, waiting: Awaitable[Any], tried: str) -> None:
        """Wait for something on the page. Raises Failed, with what is there in its place."""
        try:
            await waiting
        except (AssertionError, Error) as error:
            seen = await self.sees()
            if isinstance(error, Error) and "Timeout" not in str(error):
                seen = f"{_first_line(error)} {seen}"
            raise Failed(
                tried=tried,
                observed=seen,
                expected="Somebody who is signed in finds the chat on the page: the element "
                "`<openai-chatkit>`, which `<ChatKit control={control} />` draws, with a box for a "
                "message and their conversation.",
                misconception="page-broken" if self.problems else "no-chat",
            ) from None

    async def sees(self) -> str:
        """What is on the page beside the site itself, in a sentence."""
        if self.problems:
            return f"The page's code failed: {self.problems[0]}"
        try:
            async with asyncio.timeout(PATIENCE / 1000):  # a page may be in an endless loop
                # The chat's own failures stand in its shadow, where roles are found and texts are not.
                texts = await self.page.get_by_role("alert").all_inner_texts()
                if not any(texts):
                    aside = self.page.get_by_role("complementary")
                    place = aside if await aside.count() else self.page.locator("body")
                    texts = [await place.first.inner_text()]
                text = " ".join(" ".join(texts).split())[:_SHORT]
        except (Error, TimeoutError):
            return "The page does not answer: it has crashed, or is busy without an end."
        return f"It does not come. There is: “{text}”" if text else "There is nothing."

    @property
    def chat(self) -> Locator:
        return self.page.locator("openai-chatkit")

    @property
    def box(self) -> Locator:
        return self.page.get_by_role("textbox", name="Message", exact=True)

    @property
    def answers(self) -> Locator:
        return self.page.get_by_role("group", name="Assistant", exact=True).locator(".parts")

    async def texts(self) -> list[str]:
        """The answers that are on the page."""
        return [text.strip() for text in await self.answers.all_inner_texts()]

    async def press(self, name: str) -> None:
        """Press the button of that name."""
        button = self.page.get_by_role("button", name=name, exact=True).first
        await self.until(button.click(timeout=PATIENCE), f"Looked for the button “{name}”.")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].removesuffix(".") + "."


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Generator[None, object, object]:
    """Whatever a student's page or server does to a check, it is a verdict, and no fault of ours."""
    try:
        return (yield)
    except Error as error:
        raise Failed(
            tried="Used your page in a browser.",
            observed=f"The browser gave up: {_first_line(error)}",
            expected="The page stays where it is, and answers.",
            misconception="page-broken",
        ) from error
    except (httpx.HTTPError, TimeoutError) as error:
        raise Failed(
            tried="Sent a request to your server.",
            observed=f"There was no answer: {_first_line(error) if str(error) else 'it took too long.'}",
            expected="Every request is answered.",
            misconception="server-gone",
        ) from error


def _named(error: PageError) -> list[str]:
    """The source file to look at: of one that imports what is not there, the one that lacks it."""
    return re.findall(r"src/[\w./-]+\.tsx?", str(error))[-1:]


Visit = Callable[..., Awaitable[Visitor]]
"""`await visit("alice")`: a person who has opened the page and signed in; `None` for nobody."""


@pytest_asyncio.fixture(loop_scope="session")
async def visit(lab: Lab, browser: Browser) -> AsyncIterator[Visit]:
    """People at the server's page. Raises Failed where the page cannot be built."""
    match lab.server.page_error:
        case NoPackages() as error:
            raise NotJudged(str(error))
        case None:
            pass
        case error:
            raise Failed(
                tried="Built your page from its sources.",
                observed=str(error),
                expected="Vite can build it: each file can be read, and what it imports is there.",
                misconception="page-does-not-build",
                slips=[Slip("page-does-not-build", f"app/page/{file}") for file in _named(error)],
            )
    async with AsyncExitStack() as stack:

        async def visit(user: str | None, path: str = "", size: tuple[int, int] = WIDE) -> Visitor:
            context = await browser.new_context(
                locale="en-GB",
                reduced_motion="reduce",
                viewport={"width": size[0], "height": size[1]},
            )
            stack.push_async_callback(_close, context)
            context.set_default_timeout(PATIENCE)
            visitor = Visitor(await context.new_page(), lab.server.base_url)
            if user is not None:
                await visitor.open(path)
                await visitor.sign_in(user)
            return visitor

        yield visit


async def _close(context: BrowserContext) -> None:
    with suppress(Error):  # what was in it may have crashed
        await context.close()


__all__ = [
    "NARROW",
    "PATIENCE",
    "WIDE",
    "Sent",
    "Visit",
    "Visitor",
    "browser",
    "pytest_pyfunc_call",
    "visit",
]
