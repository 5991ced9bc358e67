"""Widgets: what they show, what their controls send, and what happens while they change."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from tests.page.conftest import Console

pytestmark = pytest.mark.slow


def test_a_form_sends_each_field_under_its_name(console: Console) -> None:
    page = console.page
    console.open()
    console.send("scene form")
    title = page.get_by_role("textbox", name="What is to be done?")
    console.press("Save")  # the required field is empty: the browser asks for it
    expect(title).to_be_focused()
    expect(page.get_by_role("tab")).to_have_count(1)

    title.fill("Read lesson 2")
    page.get_by_role("textbox", name="Notes").fill("slowly\nand twice")
    page.get_by_role("combobox", name="How urgent is it?").select_option("High")
    expect(page.get_by_role("radio", name="Home")).to_be_checked()
    expect(page.get_by_role("radio", name="Moon")).to_be_disabled()
    page.get_by_role("radio", name="Office").check()
    due = page.get_by_label("When is it due?")
    expect(due).to_have_value("2026-11-30")
    expect(due).to_have_attribute("max", "2026-12-31")
    due.fill("2026-12-24")
    page.get_by_role("checkbox", name="Remind me").check()
    page.get_by_role("checkbox", name="Share it").uncheck()
    title.press("Enter")
    console.settled()
    expect(page.get_by_role("tab").last).to_contain_text("threads.custom_action")
    kind, _, payload = console.answers.inner_text().partition(" ")
    assert kind == "save"
    assert json.loads(payload) == {
        "id": "t1",  # the action's own
        "title": "Read lesson 2",
        "notes": "slowly\nand twice",
        "priority": "high",
        "place": "office",
        "due": "2026-12-24",
        "remind": True,
        "share": False,
    }
    expect(title).to_be_focused()  # one can go on where one was


def test_a_sync_action_replaces_its_widget_without_a_turn(console: Console) -> None:
    page = console.page
    console.expected = ("501 (Not Implemented)",)
    console.open()
    console.send("scene controls")
    console.press("Refused")
    expect(page.get_by_role("alert")).to_contain_text("The server does not offer that")
    page.get_by_role("checkbox", name="Done").check()
    expect(console.chat.get_by_text('toggle {"id": "t1", "done": true}')).to_be_visible()
    expect(page.get_by_role("checkbox", name="Done")).to_have_count(0)
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.get_by_role("tab").last).to_contain_text("threads.sync_custom_action")
    expect(console.answers).to_have_count(0)


def test_a_payload_of_any_shape_arrives_as_it_is(console: Console) -> None:
    console.open()
    console.send("scene controls")
    console.press("A list")
    console.settled()
    expect(console.answers).to_have_text('pick ["a", "b"]')


def test_an_action_for_the_page_stays_on_the_page(console: Console) -> None:
    page = console.page
    console.open()
    console.send("scene controls")
    console.press("On this page")  # this page does not listen: nothing happens
    console.chat.evaluate(
        """(chat) => chat.setOptions({
          api: { url: "/chatkit", domainKey: "x" },
          widgets: { onAction: async (...args) => (window.seen = args) },
        })"""
    )
    console.press("On this page")
    action, item = page.evaluate("() => window.seen")
    assert action == {"type": "open", "payload": {"id": "t1"}}
    assert item["widget"]["type"] == "Card"
    assert item["id"]
    expect(page.get_by_role("tab")).to_have_count(1)  # the server heard of none


def test_one_click_is_one_action(console: Console) -> None:
    page = console.page
    console.open()
    console.send("scene controls")
    button = page.get_by_role("button", name="A list")
    button.focus()
    button.evaluate("(node) => [1, 2, 3].forEach(() => node.click())")
    console.settled()
    expect(console.answers).to_have_count(1)
    expect(button).to_be_focused()

    # A control that its own action takes away leaves the reader where the next thing is done.
    console.send("widget")
    page.get_by_role("button", name="Mark as done").press("Enter")
    console.settled()
    expect(page.get_by_role("button", name="Mark as done")).to_be_disabled()
    expect(console.box).to_be_focused()


def test_text_streams_into_a_widget(console: Console) -> None:
    gate, chat = console.site.server.gate, console.chat
    console.open()
    console.begin("scene writing")
    expect(chat.get_by_text("writing", exact=True)).to_be_visible()
    draft = chat.locator(".w-text")
    gate.release()
    expect(draft).to_have_text("Dear")
    gate.release()
    expect(draft).to_have_text("Dear reader")
    gate.release()
    expect(chat.get_by_text("checking", exact=True)).to_be_visible()
    expect(draft).to_have_text("Dear reader")
    gate.release()
    console.settled()
    expect(draft).to_have_text("Dear reader!")
    expect(chat.get_by_text("sent", exact=True)).to_be_visible()
    console.page.reload()
    expect(draft).to_have_text("Dear reader!")


def test_what_is_not_known_shows_as_json(console: Console) -> None:
    page = console.page
    console.open()
    console.send("scene odd")
    for name in ("Hologram", "constructor", "Select"):
        expect(page.get_by_text(f"{name} (shown as JSON)")).to_be_visible()
    expect(console.chat.get_by_text("Everything else still shows.")).to_be_visible()
    page.get_by_text("Hologram (shown as JSON)").click()
    [shown] = console.chat.locator("pre").filter(visible=True).all()
    assert json.loads(shown.inner_text()) == {"type": "Hologram", "depth": 3}
