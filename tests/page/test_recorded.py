"""The page of the recorded conversation, as a learner steps through it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Locator, Page, expect

from checkpoints.record import RECORDING
from shared.console import mount_recording
from tests.page.conftest import serving
from tests.page.test_console import assert_accessible

pytestmark = pytest.mark.slow

CONVERSATION: dict[str, Any] = json.loads(RECORDING.read_text("utf-8"))
STEPS: list[dict[str, Any]] = CONVERSATION["steps"]
LAST = len(STEPS)

# What a step shows, in all lanes: the whole picture, without what scrolls.
PICTURE = """() => {
  const chats = [...document.querySelectorAll(".host")].map(({ shadowRoot }) => {
    const column = shadowRoot.querySelector(".column").cloneNode(true);
    return column.innerHTML;
  });
  const visible = [...document.querySelectorAll(".events > li:not([hidden])")];
  return [
    ...chats,
    ...visible.map((row) => row.innerText),
    document.querySelector("[aria-current]")?.innerText,
    document.querySelector(".detail pre").textContent,
    document.querySelector(".store").textContent,
    document.querySelector(".open").hidden,
    document.querySelector("#counter").textContent,
    document.querySelector("#caption").textContent,
  ];
}"""


def step_of(person: str, kind: str, number: int = 1, **what: Any) -> int:
    """The number of the `number`-th step of a person that is like this, as the page counts."""
    found = [
        index
        for index, step in enumerate(STEPS, 1)
        if step["person"] == person
        and kind == (step["event"]["type"] if step["kind"] == "event" else step["kind"])
        and all(step.get(name) == value for name, value in what.items())
    ]
    return found[number - 1]


CUT = step_of("alice", "end", answer="cut")
TALKING = CUT - 6  # both are being answered


@dataclass
class Player:
    """The page, as a person uses it."""

    page: Page
    url: str
    problems: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()

    def open(self, place: str = "") -> None:
        self.page.goto("about:blank")
        self.page.goto(f"{self.url}/{place}")
        expect(self.counter).to_contain_text("Step")

    @property
    def counter(self) -> Locator:
        return self.page.locator("#counter")

    @property
    def caption(self) -> Locator:
        return self.page.get_by_role("status")

    def lane(self, name: str) -> Locator:
        return self.page.get_by_role("region", name=name, exact=True)

    def sees(self, person: str) -> Locator:
        """The messages that a person sees."""
        return self.lane(f"What {person} sees").locator(".bubble, .parts")

    @property
    def events(self) -> Locator:
        return self.page.get_by_role("list", name="Events").get_by_role("button")

    @property
    def held(self) -> Locator:
        return self.lane("What the server holds").get_by_role("group", name="Rows")

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def key(self, name: str) -> None:
        self.page.keyboard.press(name)

    def at(self, step: int, of: int = LAST) -> None:
        expect(self.counter).to_contain_text(f"Step {step} of {of}")

    def picture(self) -> Any:
        return self.page.evaluate(PICTURE)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    app = FastAPI(title="Lesson 1 · Recorded")
    mount_recording(app, RECORDING)
    with serving(app) as url:
        yield url


@pytest.fixture
def player(browser: Browser, url: str) -> Iterator[Player]:
    context = browser.new_context(
        locale="en-GB", reduced_motion="reduce", viewport={"width": 1280, "height": 800}
    )
    context.set_default_timeout(10_000)
    page = context.new_page()
    player = Player(page, url)
    page.on("pageerror", lambda error: player.problems.append(str(error)))
    page.on(
        "console",
        lambda message: player.problems.append(message.text) if message.type == "error" else None,
    )
    yield player
    context.close()
    assert not [p for p in player.problems if not any(part in p for part in player.expected)]


def test_it_opens_at_the_beginning_and_steps_event_by_event(player: Player) -> None:
    player.open()
    expect(player.page).to_have_title("Lesson 1 · Recorded")
    player.at(0)
    expect(player.events).to_have_count(0)
    expect(player.held).to_have_text("Nothing.")

    player.press("Step forward")  # the request: alice sees her words, the server holds nothing yet
    player.at(1)
    expect(player.sees("alice")).to_have_text(["Add a task: buy milk"])
    expect(player.events).to_contain_text(["threads.create"])
    expect(player.held).to_have_text("Nothing.")

    player.press("Step forward")
    expect(player.held).to_contain_text("thr_1 thread of alice new")
    player.press("Step forward")
    expect(player.held.get_by_role("listitem")).to_contain_text(["msg_1user_messagenew"])
    expect(player.caption).to_contain_text("Step 3. The message of alice is an item now")
    player.press("Last step")
    player.at(LAST)
    expect(player.events).to_have_count(LAST)
    expect(player.page.get_by_role("button", name="Step forward")).to_have_attribute(
        "aria-disabled", "true"
    )
    player.key("ArrowRight")
    player.at(LAST)


def test_the_lanes_show_two_answers_at_once_and_what_is_not_stored(player: Player) -> None:
    player.open(f"#step={TALKING}")
    expect(player.sees("alice")).to_have_count(4)
    expect(player.sees("bob")).to_have_count(4)
    expect(player.sees("alice").last).to_contain_text("The word that did not wait")
    expect(player.sees("bob").last).to_contain_text("Here is what I found")
    on_its_way = player.lane("What the server holds").locator(".open")
    expect(on_its_way.locator("code")).to_have_text(["msg_7", "msg_8"])
    expect(player.held).not_to_contain_text("msg_7")

    player.open(f"#step={CUT}")
    expect(player.lane("What alice sees")).to_contain_text("Cut short by your next message.")
    new = player.held.get_by_role("listitem").filter(has_text="new")
    expect(new.locator("code")).to_have_text(["msg_7", "shcx_1"])
    expect(new.nth(1)).to_contain_text("hidden")
    expect(player.caption).to_contain_text("What it had so far is stored now")

    player.open(f"#step={step_of('bob', 'progress_update', 15)}")
    expect(player.lane("What bob sees")).to_contain_text("Analysing document 15 of 50")
    expect(player.held).not_to_contain_text("Analysing")


def test_going_back_shows_the_same_picture_as_going_forward(player: Player) -> None:
    player.open()
    pictures = [player.picture()]
    for _ in range(LAST):
        player.key("ArrowRight")
        pictures.append(player.picture())
    assert len({json.dumps(picture) for picture in pictures}) == LAST + 1
    for step in range(LAST - 1, -1, -1):
        player.key("ArrowLeft")
        assert player.picture() == pictures[step], f"step {step}"
    player.open(f"#step={CUT}")  # and in one leap
    assert player.picture() == pictures[CUT]


def test_the_keyboard_does_all(player: Player) -> None:
    page = player.page
    player.open()
    player.key("ArrowRight")
    player.key("ArrowRight")
    player.at(2)
    player.key("ArrowLeft")
    player.at(1)
    player.key("End")
    player.at(LAST)
    player.key("Home")
    player.at(0)
    player.key("PageDown")
    player.at(1)
    player.open(f"#step={step_of('bob', 'progress_update')}")
    player.key("PageDown")  # the further 45 are pieces of the same
    player.at(step_of("alice", "request", 2))
    player.key("PageUp")
    player.at(step_of("bob", "progress_update"))

    page.get_by_role("slider", name="Step").focus()
    player.key("ArrowRight")
    player.at(step_of("bob", "progress_update") + 1)
    player.press("Stateless route")
    player.key("ArrowRight")
    player.at(1, 12)
    page.get_by_role("button", name="ChatKit server").focus()
    player.key(" ")  # presses the button that has the focus
    player.at(step_of("bob", "progress_update") + 1)
    page.get_by_text("This step as JSON").focus()
    player.key(" ")
    expect(page.get_by_label("JSON")).to_be_visible()
    player.key("ArrowRight")
    player.at(step_of("bob", "progress_update") + 2)


def test_it_plays_to_the_end_and_can_be_stopped(player: Player) -> None:
    player.open(f"#step={LAST - 8}")
    player.key(" ")
    player.at(LAST)
    expect(player.page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    player.open("#step=28")
    player.press("Play")
    player.press("Pause")
    stopped = player.counter.inner_text()
    player.press("Step forward")
    player.press("Step back")
    assert player.counter.inner_text() == stopped


def test_a_row_of_the_wire_leads_to_its_step_and_opens_as_json(player: Player) -> None:
    player.open(f"#step={TALKING}")
    player.events.nth(2).click()
    player.at(3)
    player.page.get_by_text("This step as JSON").click()
    shown = player.page.get_by_label("JSON")
    assert json.loads(shown.inner_text()) == STEPS[2]["event"]
    player.press("Step forward")
    assert json.loads(shown.inner_text()) == STEPS[3]["event"]


def test_a_restart_keeps_what_is_stored_and_loses_what_streams(player: Player) -> None:
    player.open(f"#step={TALKING}")
    before = player.picture()
    stored = player.held.inner_text()
    player.press("Restart here")
    expect(player.caption).to_contain_text(
        "Lost: the beginning of an answer to alice; the beginning of an answer to bob."
    )
    expect(player.sees("alice")).to_have_text(
        ["Add a task: buy milk", "Created task 1: buy milk", "Tell me a long story"]
    )
    expect(player.sees("bob").last).to_have_text("Analyse the documents")
    assert player.held.inner_text() == stored
    player.press("Undo the restart")
    assert player.picture() == before

    player.press("Restart here")
    player.press("Step forward")  # goes on as if there had been no restart
    player.at(TALKING + 1)
    expect(player.sees("alice")).to_have_count(4)

    player.open(f"#step={LAST}")
    player.press("Restart here")
    expect(player.caption).to_contain_text("Nothing is lost.")
    expect(player.sees("alice")).to_have_count(6)  # the cut answer too, but not the hidden note
    expect(player.lane("What alice sees")).not_to_contain_text("cancelled")

    player.open("#step=1")
    player.press("Restart here")
    expect(player.caption).to_contain_text("a message of alice that was not stored yet")
    expect(player.sees("alice")).to_have_count(0)


def test_the_switch_shows_the_same_questions_without_a_memory(player: Player) -> None:
    page = player.page
    player.open(f"#step={TALKING}")
    player.press("Stateless route")
    player.at(0, 12)
    player.key("End")
    player.at(12, 12)
    expect(player.events.locator(".type")).to_have_text(["POST /ask", "200 OK"] * 6)
    assert set(player.events.locator(".who").all_inner_texts()) == {"?"}
    expect(player.sees("alice").nth(6)).to_have_text("What did I ask earlier?")
    expect(player.sees("alice").last).to_contain_text("I can't see any earlier message")
    expect(player.sees("bob")).to_have_count(4)
    expect(player.held).to_contain_text("Nothing.")
    player.press("Restart here")
    expect(player.sees("alice")).to_have_count(0)
    expect(page).to_have_url(f"{player.url}/#stateless&step=12")
    page.reload()  # the address keeps the place
    player.at(12, 12)
    player.press("ChatKit server")
    player.press("Step forward")
    expect(player.events.locator(".who")).to_have_text("alice")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it_on_any_screen(player: Player, scheme: str) -> None:
    page = player.page
    player.expected = ("Applying inline style",)  # axe's own, while it measures
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    player.open(f"#step={CUT}")
    page.get_by_text("This step as JSON").click()
    assert_accessible(page)
    player.press("Restart here")
    assert_accessible(page)
    page.set_viewport_size({"width": 820, "height": 1000})
    assert_accessible(page)
    page.set_viewport_size({"width": 360, "height": 720})
    for lane, title in [
        ("alice", "What alice sees"),
        ("bob", "What bob sees"),
        ("wire", "The wire"),
        ("store", "What the server holds"),
    ]:
        player.press(lane)
        expect(player.lane(title)).to_be_visible()
        expect(page.locator(".lane").filter(visible=True)).to_have_count(1)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
        sideways = "node => node.scrollWidth <= node.clientWidth"
        for scroller in page.locator(".scroller").filter(visible=True).all():
            assert scroller.evaluate(sideways)
        assert_accessible(page)
    player.open("#stateless&step=12")
    assert_accessible(page)
