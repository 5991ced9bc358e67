"""The page that asks one question both ways: each word as it comes, and all when it is whole."""

from __future__ import annotations

import json

import httpx
import pytest
from playwright.sync_api import Locator, Response, expect

from shared.console import CONTENT_SECURITY_POLICY
from tests.page.conftest import Console
from tests.page.test_console import assert_accessible, assert_no_sideways_scroll

pytestmark = pytest.mark.slow

WORDS = "one two three"
STEPS = 6  # of such an answer: the item, its part, three words, the end


def ask(console: Console, question: str = f"turn {WORDS}") -> None:
    console.page.goto(f"{console.site.url}/compare")
    box = console.page.get_by_label("The same question, both ways")
    expect(box).to_have_value("How does streaming work?")
    expect(console.page.get_by_role("button", name="Ask both")).to_be_enabled()
    box.fill(question)
    box.press("Enter")


def answer(console: Console, side: str) -> Locator:
    return console.page.get_by_role("region", name=f"{side} answer")


def figures(console: Console, side: str) -> dict[str, str]:
    panel = console.page.get_by_role("region", name=f"{side} POST")
    names = panel.locator("dt").all_inner_texts()
    return dict(zip(names, panel.locator("dd").all_inner_texts(), strict=True))


def test_one_side_grows_and_the_other_waits_for_the_end(console: Console) -> None:
    ask(console)
    gates = [console.site.server.turns.get(timeout=10) for _ in range(2)]
    for gate in gates:
        gate.release(STEPS - 1)
    expect(answer(console, "Streamed")).to_have_text(WORDS)
    expect(answer(console, "Buffered")).to_have_text("")
    assert figures(console, "Buffered") == {
        "First word": "–",
        "Whole answer": "–",
        "Gap p50 / p95": "– / –",
    }
    for gate in gates:
        gate.release()
    expect(answer(console, "Buffered")).to_have_text(WORDS)
    expect(console.page.get_by_role("status")).to_contain_text("Streamed, the first word came")
    for side in ("Streamed", "Buffered"):
        assert all(" ms" in value for value in figures(console, side).values())
    assert figures(console, "Buffered")["Gap p50 / p95"] == "0 / 0 ms"
    strips = console.page.get_by_role("img")
    expect(strips).to_have_count(2)
    windows = strips.evaluate_all("nodes => nodes.map((n) => n.getAttribute('viewBox'))")
    lengths = [window.split()[2] for window in windows]
    assert lengths[0] == lengths[1]  # one axis of time


def test_the_threads_of_a_comparison_do_not_stay(console: Console) -> None:
    deleted: list[Response] = []

    def both(response: Response) -> bool:
        if "threads.delete" in (response.request.post_data or ""):
            deleted.append(response)
        return len(deleted) == 2

    with console.page.expect_response(both):
        ask(console, "say hello")
    console.open()
    console.send("title Kept")
    console.press("History")
    threads = console.page.get_by_role("region", name="History").locator(".thread span")
    expect(threads).to_have_text(["Kept"])


def test_stop_ends_both(console: Console) -> None:
    ask(console)
    for _ in range(2):
        console.site.server.turns.get(timeout=10)
    console.press("Stop")
    expect(console.page.get_by_role("status")).to_have_text("Stopped.")
    expect(console.page.get_by_role("button", name="Ask both")).to_be_enabled()


def test_a_server_without_the_endpoint_gets_a_hint_on_both_sides(console: Console) -> None:
    console.expected = ("Failed to load resource",)
    console.page.goto(f"{console.site.bare_url}/compare")
    console.press("Ask both")
    expect(console.page.get_by_role("alert")).to_contain_text(["has no POST /", "has no POST /"])


def test_the_buffering_route_changes_nothing_but_the_moment(site_url: str) -> None:
    headers = {"X-Demo-User": "carol"}
    said = {
        "type": "threads.create",
        "params": {
            "input": {
                "content": [{"type": "input_text", "text": "say hello"}],
                "attachments": [],
                "inference_options": {},
            }
        },
    }
    for body in (json.dumps(said), "no JSON", '{"type":"threads.list","params":{}}'):
        plain, buffered = (
            httpx.post(f"{site_url}{path}", content=body, headers=headers)
            for path in ("/chatkit", "/console/buffered")
        )
        assert buffered.status_code == plain.status_code
        assert buffered.headers["content-type"] == plain.headers["content-type"]
        assert [frame[:25] for frame in buffered.text.split("\n\n")] == [
            frame[:25] for frame in plain.text.split("\n\n")
        ]


@pytest.fixture
def site_url(console: Console) -> str:
    return console.site.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it_on_any_screen(console: Console, scheme: str) -> None:
    page = console.page
    console.expected = ("Applying inline style",)  # axe's own, while it measures
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    response = page.goto(f"{console.site.url}/compare")
    assert response
    assert response.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    ask(console, f"{'very' * 60} long word")
    expect(page.get_by_role("status")).to_contain_text("Streamed, the first word came")
    assert_accessible(page)
    page.set_viewport_size({"width": 360, "height": 720})
    assert_no_sideways_scroll(page)
    assert_accessible(page)
    page.get_by_role("link", name="Console").click()
    expect(console.box).to_be_enabled()
    assert_no_sideways_scroll(page)
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_role("heading", name="Buffered and streamed")).to_be_visible()
