"""A conversation from the first message to the history: what comes, what fails, what is kept."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.page.conftest import Console

pytestmark = pytest.mark.slow


def test_stop_ends_the_answer_on_both_sides(console: Console) -> None:
    server = console.site.server
    server.cancelled.clear()
    console.open()
    console.begin("gate one two three")
    server.gate.release(3)
    expect(console.answers).to_have_text("one")
    console.press("Stop")
    console.settled()
    expect(console.page.get_by_text("You stopped this answer.")).to_be_visible()
    expect(console.page.get_by_role("tab")).to_contain_text(["stopped"])
    assert server.cancelled.wait(10), "The server never heard that the reader had left."
    console.send("and again")
    expect(console.answers.last).to_have_text("You said: and again")
    expect(console.page.get_by_role("tab")).to_have_count(2)


def test_history_survives_a_reload(console: Console) -> None:
    page = console.page
    console.open()
    console.send("title Holidays")
    console.press("New chat")
    console.send("title Shopping")
    page.reload()
    expect(console.answers).to_have_text("This is now Shopping.")

    console.press("History")
    threads = page.get_by_role("region", name="History").locator("[data-thread]")
    expect(console.chat.locator("footer")).to_have_attribute("inert", "")  # covered: out of reach
    expect(threads.locator(".thread span")).to_have_text(["Shopping", "Holidays"])
    threads.nth(1).locator(".thread").click()
    expect(console.answers).to_have_text("This is now Holidays.")
    expect(page.get_by_role("heading", name="Holidays", exact=True)).to_be_visible()

    console.press("History")
    console.press("Rename Holidays")
    page.keyboard.type("Summer")
    page.keyboard.press("Enter")
    expect(threads.locator(".thread span")).to_have_text(["Shopping", "Summer"])
    console.press("Delete Summer")
    page.keyboard.press("Escape")
    expect(threads).to_have_count(2)
    console.press("Delete Summer")
    console.press("Delete")
    expect(threads.locator(".thread span")).to_have_text(["Shopping"])
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="New chat", exact=True)).to_be_visible()
    page.reload()
    console.press("History")
    expect(threads.locator(".thread span")).to_have_text(["Shopping"])


def test_what_a_turn_can_bring(console: Console) -> None:
    page = console.page
    console.open()
    console.send("notice")
    expect(console.chat.get_by_text("Nine messages are left.")).to_be_visible()
    console.send("effect")
    expect(page.get_by_text("Client effect “refresh_tasks”")).to_be_visible()
    console.send("tool")
    expect(page.get_by_text("This page answered get_page")).to_be_visible()
    expect(console.answers.last).to_have_text("Thank you for the page.")
    console.send("work")
    expect(console.chat.get_by_text("Compared the dates").last).to_be_visible()
    expect(page.get_by_role("link", name="The textbook")).to_have_attribute(
        "rel", "noopener noreferrer"
    )

    console.press_last("Good answer")
    expect(page.get_by_role("button", name="Good answer").last).to_have_attribute(
        "aria-pressed", "true"
    )
    assert console.site.server.feedback == ["positive"]
    console.press_last("Answer again")
    console.settled()
    expect(page.get_by_role("link", name="The textbook")).to_have_count(1)  # the old one is gone
    expect(page.get_by_role("tab").last).to_contain_text("threads.retry_after_item")

    console.send("widget")
    expect(page.get_by_text("Hologram (shown as JSON)")).to_be_visible()
    console.press("Mark as done")
    expect(page.get_by_text("done", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Mark as done")).to_be_disabled()

    console.press("Stored")
    stored = page.get_by_role("list", name="Stored items").get_by_role("button")
    expect(stored.locator(".type")).to_have_text(
        ["user_message", "assistant_message"] * 2
        + ["user_message", "client_tool_call", "assistant_message"]
        + ["user_message", "workflow", "assistant_message"]
        + ["user_message", "widget"]
    )


def test_failures_say_what_happened_and_what_to_do(console: Console) -> None:
    page = console.page
    console.expected = ("Failed to load resource",)
    alert = page.get_by_role("alert")
    console.open()
    console.send("error")
    expect(alert).to_contain_text("The model is asleep.")
    console.press("Try again")
    console.settled()
    expect(page.get_by_role("tab").last).to_contain_text("threads.retry_after_item")
    console.send("crash")
    expect(alert).to_contain_text("Its terminal shows the traceback.")

    page.context.set_offline(True)
    console.send("are you there?")
    expect(alert).to_contain_text("The server did not answer")
    expect(page.get_by_text("Not sent")).to_be_visible()
    page.context.set_offline(False)
    console.press("Try again")
    console.settled()
    expect(console.answers.last).to_have_text("You said: are you there?")
    expect(page.get_by_text("Not sent")).to_have_count(0)

    def answer(route: Route, **response: Any) -> None:
        route.fulfill(**response)

    def refused(route: Route) -> None:
        answer(route, status=409, json={"detail": "The thread is locked."})

    def cut(route: Route) -> None:
        body = 'data: {"type":"progress_update","text":"x"}\n\ndata: {"ty'
        answer(route, status=200, content_type="text/event-stream", body=body)

    for handler, words in [(refused, "The thread is locked."), (cut, "The answer broke off")]:
        page.route("**/chatkit", handler)
        console.send("once more")
        expect(alert).to_contain_text(words)
        page.unroute("**/chatkit", handler)


def test_a_server_without_the_endpoint_gets_a_hint(console: Console) -> None:
    console.expected = ("Failed to load resource",)
    console.open(console.site.bare_url)
    expect(console.page).to_have_title("ChatKit console")
    console.send("hello")
    expect(console.page.get_by_role("alert")).to_contain_text(
        "This server has no POST /chatkit yet"
    )
    console.press("History")
    expect(console.page.get_by_role("alert").last).to_contain_text("no POST /chatkit yet")


def test_a_long_conversation_opens_at_its_end_and_keeps_the_readers_place(console: Console) -> None:
    page = console.page
    console.expected = ("Failed to load resource",)
    console.open()
    console.send("fill 119")
    page.reload()
    messages = console.answers
    expect(messages).to_have_count(50)
    expect(messages.last).to_be_in_viewport()
    expect(messages.first).to_have_text("Message 70.")
    page.context.set_offline(True)
    console.press("Show earlier messages")
    expect(page.get_by_role("alert")).to_contain_text("The server did not answer")
    page.context.set_offline(False)
    console.press("Show earlier messages")
    expect(messages).to_have_count(100)
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(messages.nth(50)).to_be_in_viewport()  # what one was reading stays in sight

    # The page follows the answer, but not under the eyes of somebody who reads further up.
    gate = console.site.server.gate
    console.begin("gate one two three")
    gate.release(3)
    expect(messages.last).to_have_text("one")
    expect(messages.last).to_be_in_viewport()
    messages.last.hover()
    page.mouse.wheel(0, -2000)
    expect(messages.last).not_to_be_in_viewport()
    gate.release(3)
    console.settled()
    expect(messages.last).to_have_text("one two three")
    expect(messages.last).not_to_be_in_viewport()
    console.press("Go to the latest message")
    expect(messages.last).to_be_in_viewport()

    console.press("Stored")
    stored = page.get_by_role("list", name="Stored items").get_by_role("button")
    expect(stored).to_have_count(122)
    expect(page.get_by_text("122 items in 2 pages")).to_be_visible()
