"""The page around the chat, in a real browser: each test walks one flow of a learner."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest
from playwright.sync_api import Page, expect

from tests.page.conftest import Console

pytestmark = pytest.mark.slow


def test_an_answer_grows_word_by_word_and_the_inspector_shows_each_frame(console: Console) -> None:
    gate, page = console.site.server.gate, console.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    console.open()
    expect(page).to_have_title("Task Manager")
    expect(page.get_by_role("heading", name="What can I help with today?")).to_be_visible()

    console.begin("gate one two three")
    expect(console.chat).to_have_attribute("aria-busy", "true")
    gate.release(3)  # the item, its part, the first word
    expect(console.answers).to_have_text("one")
    gate.release()
    expect(console.answers).to_have_text("one two")
    gate.release(2)
    console.settled()
    expect(console.answers).to_have_text("one two three")

    types = [
        "thread.created",
        "thread.item.done",
        "stream_options",
        "thread.item.added",
        "… content_part.added",
        "… text_delta",
        "… text_delta",
        "… text_delta",
        "thread.item.done",
    ]
    expect(console.rows.locator(".type")).to_have_text(types)
    expect(console.rows.locator(".what").nth(6)).to_have_text('"two "')
    expect(page.get_by_role("tab")).to_contain_text(["threads.create"])

    # By keyboard: the third row, opened.
    console.rows.first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    opened = page.get_by_role("list", name="Events").locator("pre")
    assert json.loads(opened.inner_text())["stream_options"] == {"allow_cancel": True}
    page.get_by_label("Hide deltas").check()
    expect(console.rows.filter(visible=True)).to_have_count(6)
    page.get_by_label("Raw frames").check()
    expect(console.rows.locator(".what").first).to_contain_text('data: {"type":"thread.created"')
    console.press("Copy as curl")
    command = page.evaluate("() => navigator.clipboard.readText()")
    assert command.startswith(f"curl -N -X POST '{console.site.url}/chatkit'")
    assert '"text":"gate one two three"' in command


def test_a_proxy_that_buffers_shows_as_one_lump(console: Console) -> None:
    console.open()
    console.page.get_by_label("Network").select_option("proxy")
    console.begin("gate one two three")
    console.site.server.gate.release(6)
    console.settled()
    times = console.rows.locator(".at")
    expect(times).to_have_count(9)
    assert len(set(times.all_inner_texts())) == 1


def test_each_user_has_a_history_of_their_own(console: Console) -> None:
    page = console.page
    console.open()
    console.send("title Mine")
    page.get_by_text("alice", exact=True).click()
    expect(page.get_by_role("heading", name="New chat", exact=True)).to_be_visible()
    expect(page.get_by_role("tab")).to_have_count(0)
    console.send("title Of Alice")
    assert set(console.site.server.users) == {"you", "alice"}
    page.reload()  # the address remembers who speaks
    console.press("History")
    titles = page.get_by_role("region", name="History").locator(".thread span")
    expect(titles).to_have_text(["Of Alice"])
    page.get_by_text("you", exact=True).click()
    console.press("History")
    expect(titles).to_have_text(["Mine"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it_on_any_screen(console: Console, scheme: str) -> None:
    page = console.page
    console.expected = ("Applying inline style",)  # axe's own, while it measures
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    console.open()
    console.send("work")
    console.send(
        f"say A {'very' * 60} long word, and\n\n```\n{'code ' * 60}\n```\n\n|a|b|\n|-|-|\n|1|2|"
    )
    console.send("widget")
    console.send("scene form")
    console.send("notice")
    assert_accessible(page)
    console.press("History")
    assert_accessible(page)
    console.press("Close history")
    page.set_viewport_size({"width": 360, "height": 720})
    assert_no_sideways_scroll(page)
    console.press("Inspector")
    expect(page.get_by_role("tab", selected=True)).to_be_in_viewport(ratio=0.9)
    expect(console.rows.first).to_be_visible()
    console.rows.first.click()
    assert_no_sideways_scroll(page)
    assert_accessible(page)
    console.press("Stored")
    expect(page.get_by_role("list", name="Stored items")).to_be_visible()
    assert_no_sideways_scroll(page)
    assert_accessible(page)


def assert_no_sideways_scroll(page: Page) -> None:
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
    column = page.locator("openai-chatkit .scroller")
    if column.is_visible():
        assert column.evaluate("node => node.scrollWidth <= node.clientWidth")


def assert_accessible(page: Page) -> None:
    page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text("utf-8"))
    violations = page.evaluate("async () => (await axe.run()).violations")
    serious = [v for v in violations if v["impact"] in {"serious", "critical"}]
    assert not serious, [(v["id"], [node["html"] for node in v["nodes"]][:3]) for v in serious]
