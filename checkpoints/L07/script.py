"""The chat's script, which may be blocked, late, or never come."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from playwright.async_api import Error, Route

from checkpoints.engine.verdict import Failed
from checkpoints.engine.visitor import PATIENCE, Visit, Visitor

SCRIPT = "**/chatkit-local/**"
REST = "**/chatkit-local/element.js"  # what the script loads, and which defines the element
GIVEN_UP = 15_000  # milliseconds after which a person must know that there is no chat


async def require_blocked_told(visit: Visit) -> None:
    """A script that is blocked is told, and a second try gets it."""
    blocked = await visit(None)
    await blocked.page.clock.install()
    await blocked.page.route(SCRIPT, lambda route: route.abort())
    await blocked.open()
    await blocked.sign_in("alice")
    await _require_told(blocked, "The script of the chat was blocked")
    await blocked.page.unroute(SCRIPT)
    try:
        # Whatever is written on it: it is the button of the notice.
        await blocked.page.get_by_role("alert").get_by_role("button").first.click(timeout=PATIENCE)
        await blocked.box.click(timeout=PATIENCE)
    except Error:
        what = "blocked once, and then the notice's button was pressed"
        raise _wrong_state(what, "The chat did not come.") from None


async def require_part_told(visit: Visit) -> None:
    """A script that came, and could not load the rest of itself, is told."""
    person = await visit(None)
    await person.page.clock.install()
    await person.page.route(REST, lambda route: route.abort())
    await person.open()
    await person.sign_in("alice")
    signed_in = person.page.get_by_role("button", name="Sign out").wait_for(timeout=PATIENCE)
    await person.until(signed_in, "Signed in.")
    await person.page.clock.run_for(GIVEN_UP)
    person.problems.clear()  # it is the chat's script that complains, and not the page
    await _require_told(person, "The script of the chat came, and a file that it loads was blocked")


async def require_lost_told(visit: Visit) -> None:
    """A script that never comes is told within seconds."""
    lost = await _held_up(visit, asyncio.Event())
    await lost.page.clock.run_for(GIVEN_UP)
    await _require_told(lost, "The script of the chat never came")


async def require_late_works(visit: Visit) -> None:
    """A script that comes after the page has given it up still brings the chat."""
    arrives = asyncio.Event()
    late = await _held_up(visit, arrives)
    await late.page.clock.run_for(GIVEN_UP)
    arrives.set()
    try:
        await late.box.click(timeout=PATIENCE)
    except Error:
        what = "late: it came when the page had given it up"
        raise _wrong_state(what, await late.sees()) from None


async def _held_up(visit: Visit, arrives: asyncio.Event) -> Visitor:
    """Somebody who has signed in while the chat's script is still on its way."""

    async def hold(route: Route) -> None:
        await arrives.wait()
        with suppress(Error):  # whoever waited may have left
            await route.continue_()

    person = await visit(None)
    await person.page.clock.install()
    await person.page.route(SCRIPT, hold)
    await person.open()
    await person.sign_in("alice")
    signed_in = person.page.get_by_role("button", name="Sign out").wait_for(timeout=PATIENCE)
    await person.until(signed_in, "Signed in while the chat's script was on its way.")
    if await person.page.get_by_role("alert").count():
        raise _wrong_state("on its way", "It was called lost at once.")
    return person


async def _require_told(person: Visitor, what: str) -> None:
    try:
        await person.page.get_by_role("alert").first.wait_for(timeout=PATIENCE)
    except Error:
        seen = await person.sees()
        raise Failed(
            tried=f"{what}. Waited {GIVEN_UP // 1000} seconds.",
            observed=seen,
            expected="The page says that the chat could not be loaded: `useChatKitScript` returns "
            '"failed". `customElements.whenDefined` never rejects, so the error event of the script '
            "and a timer of some seconds have to tell.",
            misconception="script-failure-hidden",
        ) from None


def _wrong_state(what: str, observed: str) -> Failed:
    return Failed(
        tried=f"The script of the chat was {what}.",
        observed=observed,
        expected='First "loading"; after an error or some seconds "failed"; and whenever the element '
        'is there after all, "ready". A second try needs a new script element.',
        misconception="script-states",
    )
