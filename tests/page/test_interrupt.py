"""A message sent in the middle of an answer: what the person sees of what the server does with it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, expect

from tests.page.conftest import Console
from tests.page.server import Gate

pytestmark = pytest.mark.slow

UNTIL_FIRST_WORD = 3  # steps: the item, its part, the word


def begun(console: Console, text: str) -> Gate:
    """Begin a turn and wait until the server works on it."""
    console.begin(f"turn {text}")
    return console.site.server.turns.get(timeout=10)


def lanes(console: Console) -> Locator:
    return console.page.get_by_role("group", name="In time").locator(".lane-label")


def test_two_answers_interleave_where_the_server_lets_both_run(console: Console) -> None:
    console.open()
    first = begun(console, "one two")
    first.release(UNTIL_FIRST_WORD)
    expect(console.answers).to_have_text("one")
    second = begun(console, "red green")
    second.release(UNTIL_FIRST_WORD)
    expect(console.answers).to_have_text(["one", "red"])
    first.release(1)
    expect(console.answers).to_have_text(["one two", "red"])
    first.release(1)
    expect(console.page.get_by_role("tab")).to_contain_text(["200", "200"])
    expect(console.chat).to_have_attribute("aria-busy", "true")  # the second one still runs
    second.release(2)
    console.settled()
    expect(console.answers).to_have_text(["one two", "red green"])
    expect(lanes(console)).to_have_text(["turn one two", "turn red green"])
    assert_undisturbed(console)
    expect(console.page.get_by_text("Cut short")).to_have_count(0)


def test_an_answer_that_a_newer_message_ends_is_cut_short_and_no_error(console: Console) -> None:
    console.open()
    first = begun(console, "one two three")
    first.release(UNTIL_FIRST_WORD)
    expect(console.answers).to_have_text("one")
    second = begun(console, "red green")
    first.end()
    note = console.page.get_by_text("Cut short by your next message.")
    expect(note).to_be_visible()
    second.release(5)
    console.settled()
    expect(console.answers).to_have_text(["one", "red green"])
    expect(note).to_have_count(1)
    assert_undisturbed(console)
    # It is the first answer's note, and goes with it.
    expect(console.page.get_by_role("group", name="Assistant").first).to_contain_text("Cut short")


def test_three_messages_in_a_row_keep_their_order(console: Console) -> None:
    console.open()
    first = begun(console, "one")
    second = begun(console, "two")
    third = begun(console, "three")
    for gate in (first, second):
        gate.end()  # before their first word: there is no answer that could be marked
    third.release(4)
    console.settled()
    said = console.page.get_by_role("group", name="You", exact=True)
    expect(said).to_contain_text(["turn one", "turn two", "turn three"])
    cut = console.page.get_by_text("Cut short by your next message.")
    expect(said.filter(has=cut)).to_contain_text(["turn one", "turn two"])
    expect(console.answers).to_have_text(["three"])
    expect(console.page.get_by_text("Not sent")).to_have_count(0)
    assert_undisturbed(console)


def test_the_button_sends_what_is_written_and_stops_where_nothing_is(console: Console) -> None:
    console.open()
    first = begun(console, "one two")
    first.release(UNTIL_FIRST_WORD)
    expect(console.answers).to_have_text("one")
    console.box.fill("turn red green")
    console.press("Send message")
    second = console.site.server.turns.get(timeout=10)
    second.release(UNTIL_FIRST_WORD)
    expect(console.answers).to_have_text(["one", "red"])
    console.press("Stop")  # ends both
    console.settled()
    expect(console.page.get_by_role("tab")).to_contain_text(["stopped", "stopped"])
    expect(console.page.get_by_text("You stopped this answer.")).to_be_visible()
    third = begun(console, "blue")
    console.box.fill("a thought that is not ready yet")
    console.box.press("Escape")
    console.settled()
    expect(console.box).to_have_value("a thought that is not ready yet")
    third.end()


def test_an_answer_without_an_end_is_still_an_error_where_nobody_interrupted(
    console: Console,
) -> None:
    console.open()
    gate = begun(console, "one two")
    gate.release(UNTIL_FIRST_WORD)
    expect(console.answers).to_have_text("one")
    gate.end()
    console.settled()
    expect(console.page.get_by_role("alert")).to_contain_text("The answer has no end")


def test_without_the_option_a_message_waits_as_with_openais_element(console: Console) -> None:
    console.open()
    console.page.evaluate(
        """() => {
          const chat = document.createElement("openai-chatkit");
          document.querySelector("#chat").replaceChildren(chat);
          chat.setOptions({ api: { url: "/chatkit", domainKey: "x" } });
        }"""
    )
    expect(console.box).to_be_enabled()
    gate = begun(console, "one")
    gate.release(UNTIL_FIRST_WORD)
    expect(console.answers).to_have_text("one")
    console.begin("turn two")
    expect(console.box).to_have_value("turn two")  # kept, and not sent
    expect(console.page.get_by_role("button", name="Stop")).to_be_visible()
    refused = console.page.evaluate(
        "() => document.querySelector('openai-chatkit').sendUserMessage({ text: 'x' })"
        ".catch((error) => error.message)"
    )
    assert refused == "The assistant is still answering. Stop it first."
    gate.release(1)
    console.settled()
    console.press("Send message")
    console.site.server.turns.get(timeout=10).release(4)
    console.settled()
    expect(console.answers).to_have_text(["one", "two"])


def assert_undisturbed(console: Console) -> None:
    """Nothing on the page says that something went wrong."""
    expect(console.page.get_by_role("alert")).to_have_count(0)
