"""What a turn can bring besides text: images, workflows, client tools and client effects."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.page.conftest import Console
from tests.page.scenes import DRAFT, FINAL

pytestmark = pytest.mark.slow


def test_an_image_is_announced_drafted_and_finished(console: Console) -> None:
    gate, chat = console.site.server.gate, console.chat
    image = console.page.get_by_role("img", name="Generated image")
    console.open()
    console.begin("scene image")
    expect(chat.get_by_text("Making an image", exact=True)).to_be_visible()
    gate.release()
    expect(image).to_have_attribute("src", DRAFT)
    expect(chat.get_by_text("Making an image 50 %")).to_be_visible()
    gate.release()
    console.settled()
    expect(image).to_have_attribute("src", FINAL)
    assert image.evaluate("(node) => node.decode().then(() => node.naturalWidth)") == 160
    expect(chat.get_by_text("Making an image")).to_have_count(0)
    console.page.reload()
    expect(image).to_have_attribute("src", FINAL)


def test_an_image_of_another_host_is_named_and_not_loaded(console: Console) -> None:
    console.open()
    console.send("scene foreign image")
    expect(console.chat.get_by_text("Generated image (not loaded")).to_be_visible()
    expect(console.chat.get_by_text("Making an image")).to_have_count(0)
    expect(console.chat.locator("img")).to_have_count(0)  # and see the fixture: no request


def test_a_workflow_shows_each_task_as_it_stands(console: Console) -> None:
    gate, chat = console.site.server.gate, console.chat
    title, tasks = chat.locator("summary"), chat.locator(".tasks > li")
    running = console.page.get_by_role("img", name="running")
    console.open()
    console.begin("scene workflow")
    expect(title).to_have_text("Working")
    gate.release()
    expect(title).to_have_text("Read the notes")  # what goes on now
    expect(running).to_have_count(1)
    title.click()
    expect(tasks).to_be_hidden()
    gate.release()
    expect(title).to_have_text("Thought")
    expect(tasks.first).to_be_hidden()  # the reader has closed it
    title.click()
    expect(running).to_have_count(0)
    expect(tasks).to_have_text(
        ["Read the notesThree notes", "SearchedThe textbook", "ThoughtThe second one is newer."]
    )
    gate.release()
    console.settled()
    expect(title).to_have_text("Looked into three notes")
    expect(tasks).to_have_count(3)
    console.page.reload()
    expect(title).to_have_text("Looked into three notes")
    expect(tasks.first).to_be_hidden()  # done long ago: only its name


def set_options(console: Console, more: str) -> None:
    """Give the element other options: `more` is a JavaScript object."""
    console.chat.evaluate(
        f"(chat) => chat.setOptions({{ api: {{ url: '/chatkit', domainKey: 'x' }}, ...{more} }})"
    )


def test_a_client_tool_gets_its_arguments_and_its_result_goes_back(console: Console) -> None:
    console.open()
    set_options(
        console, "{ onClientTool: async (call) => { window.seen = call; return { page: 7 }; } }"
    )
    console.send("tool")
    expect(console.answers).to_have_text("Thank you for the page.")
    assert console.page.evaluate("() => window.seen") == {"name": "get_page", "params": {}}
    console.page.get_by_text("This page answered get_page").click()
    expect(console.chat.locator("details pre")).to_contain_text('"page": 7')
    console.send("say next")  # the call is answered, so the conversation goes on
    expect(console.answers.last).to_have_text("next")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("{}", "The server asked for the client tool “get_page”. Set the option onClientTool."),
        (
            "{ onClientTool: () => { throw new Error('The window is closed.'); } }",
            "The window is closed.",
        ),
    ],
)
def test_a_client_tool_that_cannot_answer_says_so(
    console: Console, options: str, said: str
) -> None:
    console.open()
    set_options(console, options)
    console.send("tool")
    expect(console.page.get_by_role("alert")).to_contain_text(said)
    expect(console.box).to_be_enabled()


def test_a_client_effect_is_an_event_and_leaves_nothing_behind(console: Console) -> None:
    console.open()
    console.chat.evaluate(
        "(chat) => chat.addEventListener('chatkit.effect', (e) => (window.seen = e.detail))"
    )
    console.send("effect")
    assert console.page.evaluate("() => window.seen") == {
        "name": "refresh_tasks",
        "data": {"count": 3},
    }
    expect(console.chat.locator("[data-item-id]")).to_have_count(2)  # the message, the answer
