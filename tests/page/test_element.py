"""The element as a page's code uses it: OpenAI's methods, options and events."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import APIResponse, expect

from tests.page.conftest import Console

pytestmark = pytest.mark.slow


def test_the_protocol_is_read_wherever_it_is_cut(console: Console) -> None:
    console.open()
    seen = console.page.evaluate(
        """async () => {
          const { FrameParser, NEW_THREAD, reduce } = await import(
            "/console/chatkit-local/protocol.js"
          );
          const { parseTime } = await import("/console/chatkit-local/dom.js");
          const wire = ': beat\\n\\ndata: {"a":\\r\\ndata: 1}\\r\\n\\r\\ndata:"é"\\n\\ndata: "cu';
          const cuts = new Set();
          for (let size = 1; size <= wire.length; size++) {
            const parser = new FrameParser();
            const frames = [];
            for (let at = 0; at < wire.length; at += size) {
              frames.push(...parser.push(wire.slice(at, at + size)));
            }
            cuts.add(JSON.stringify([frames.map((frame) => frame.data), parser.rest]));
          }
          const text = { type: "Text", id: "t", value: "a" };
          const card = { type: "Card", children: [{ type: "Row", children: [text] }] };
          const update = (type, more) => ({
            type: "thread.item.updated",
            item_id: "w",
            update: { type, ...more },
          });
          const states = [
            { type: "thread.item.added", item: { id: "w", type: "widget", widget: card } },
            update("widget.streaming_text.value_delta", { component_id: "t", delta: "b" }),
            update("widget.component.updated", { component_id: "t", component: { type: "Badge" } }),
            update("widget.root.updated", { widget: { type: "ListView" } }),
            { type: "thread.updated", thread: { id: "thr", items: { data: [] } } },
            { type: "thread.item.removed", item_id: "w" },
          ].reduce((all, event) => [...all, reduce(all.at(-1), event)], [NEW_THREAD]);
          return {
            cuts: [...cuts],
            widgets: states.map(({ items }) => JSON.stringify(items[0]?.widget ?? null)),
            open: states.map(({ open }) => open.length),
            times: ["2026-01-02T03:04:05", "2026-01-02T03:04:05Z", "2026-01-02T04:04:05+01:00"].map(
              (time) => parseTime(time).toISOString(),
            ),
          };
        }"""
    )
    assert seen["cuts"] == ['[[null,"{\\"a\\":\\n1}","\\"é\\""],"data: \\"cu"]']
    row = '{"type":"Card","children":[{"type":"Row","children":[%s]}]}'
    assert seen["widgets"] == [
        "null",
        row % '{"type":"Text","id":"t","value":"a"}',
        row % '{"type":"Text","id":"t","value":"ab"}',
        row % '{"type":"Badge"}',
        '{"type":"ListView"}',
        '{"type":"ListView"}',  # thread.updated brings no items, and takes none away
        "null",
    ]
    assert seen["open"] == [0, 1, 1, 1, 1, 1, 0]
    assert set(seen["times"]) == {"2026-01-02T03:04:05.000Z"}


def test_the_element_has_the_interface_of_openais(console: Console) -> None:
    console.open()
    seen = console.page.evaluate(
        """async () => {
          const chat = document.createElement("openai-chatkit");
          const seen = [];
          const settled = async () => {
            while (chat.getAttribute("aria-busy") !== "false") {
              await new Promise((done) => setTimeout(done, 10));
            }
          };
          const names = ["ready", "error", "log", "effect", "deeplink", "response.start",
            "response.end", "thread.change", "thread.load.start", "thread.load.end",
            "tool.change", "history.open", "history.close"];
          const calls = [];
          const spy = (url, init) => {
            calls.push([url, init.method, typeof init.body, init.signal?.constructor.name]);
            return fetch(url, init);
          };
          document.querySelector("#chat").replaceChildren(chat);
          chat.setOptions({ api: { url: "/chatkit", fetch: spy, domainKey: "x" } });
          // Like React's passive effect, listeners come late: after timers of 0 ms.
          await new Promise((done) => setTimeout(done));
          const ready = new Promise((done) => chat.addEventListener("chatkit.ready", done));
          for (const name of names.filter((name) => name !== "log")) {
            chat.addEventListener(`chatkit.${name}`, () => seen.push(name));
          }
          await Promise.race([ready, new Promise((done) => setTimeout(done, 5000))]);
          await chat.setComposerValue({ text: "effect" });
          await chat.focusComposer();
          const focused = chat.shadowRoot.activeElement?.value;
          await chat.sendUserMessage({ text: "effect" });
          await settled();
          await chat.fetchUpdates();
          await chat.showHistory();
          await chat.hideHistory();
          await chat.setThreadId(null);
          const unable = await chat.sendCustomAction({ type: "x" }).catch((error) => error.message);
          return { seen, focused, unable, calls: calls.slice(0, 1) };
        }"""
    )
    assert seen["focused"] == "effect"
    assert seen["calls"] == [["/chatkit", "POST", "string", "AbortSignal"]]
    assert "needs one" in seen["unable"]
    assert seen["seen"] == [
        "ready",
        "response.start",
        "thread.change",
        "effect",
        "response.end",
        "thread.load.start",
        "thread.load.end",
        "history.open",
        "history.close",
        "thread.change",
    ]


def call(console: Console, method: str, *arguments: Any) -> Any:
    """Call a method of the element; a refusal is returned as its message."""
    return console.chat.evaluate(
        "(chat, [method, args]) => chat[method](...args).catch((error) => error.message)",
        [method, arguments],
    )


def elsewhere(console: Console, type: str, **params: Any) -> APIResponse:
    """A request that another window of the same person sends."""
    response = console.page.request.post(
        f"{console.site.url}/chatkit", data={"type": type, "params": params}
    )
    assert response.ok
    return response


def thread_id(console: Console) -> str:
    """The thread that the page's address names."""
    return parse_qs(urlsplit(console.page.url).fragment)["thread"][0]


def test_set_composer_value_and_focus_composer(console: Console) -> None:
    console.open()
    console.page.get_by_role("button", name="History").focus()
    call(console, "setComposerValue", {"text": "say first"})
    expect(console.box).to_have_value("say first")
    expect(console.page.get_by_role("button", name="Send message")).to_be_enabled()
    expect(console.box).not_to_be_focused()
    call(console, "focusComposer")
    expect(console.box).to_be_focused()
    parts = [{"type": "input_text", "text": "say "}, {"type": "input_text", "text": "second"}]
    call(console, "setComposerValue", {"content": parts})
    console.page.keyboard.press("Enter")
    console.settled()
    expect(console.answers).to_have_text("second")
    call(console, "setComposerValue", {"text": ""})
    expect(console.page.get_by_role("button", name="Send message")).to_be_disabled()


def test_fetch_updates_brings_what_happened_elsewhere(console: Console) -> None:
    console.open()
    console.send("say here")
    words = {"content": [{"type": "input_text", "text": "title Elsewhere"}]}
    given = {**words, "attachments": [], "inference_options": {}}
    elsewhere(console, "threads.add_user_message", thread_id=thread_id(console), input=given)
    expect(console.answers).to_have_text("here")  # nothing by itself
    call(console, "fetchUpdates")
    expect(console.answers).to_have_text(["here", "This is now Elsewhere."])
    expect(console.page.get_by_role("heading", name="Elsewhere", exact=True)).to_be_visible()

    # In the middle of an answer it leaves everything as it is.
    gate = console.site.server.gate
    console.begin("gate one two")
    gate.release(3)
    expect(console.answers.last).to_have_text("one")
    call(console, "fetchUpdates")
    gate.release(2)
    console.settled()
    expect(console.answers.last).to_have_text("one two")


def test_set_thread_id_opens_one_and_null_begins_anew(console: Console) -> None:
    console.expected = ("404 (Not Found)",)
    console.open()
    console.send("title Holidays")
    holidays = thread_id(console)
    call(console, "setThreadId", None)
    expect(console.page.get_by_role("heading", name="What can I help with today?")).to_be_visible()
    expect(console.answers).to_have_count(0)
    console.send("title Shopping")
    call(console, "setThreadId", holidays)
    expect(console.answers).to_have_text("This is now Holidays.")
    assert thread_id(console) == holidays
    console.send("say and on")
    expect(console.answers).to_have_text(["This is now Holidays.", "and on"])

    # An answer that still streams ends with the thread that it belongs to.
    gate = console.site.server.gate
    console.site.server.cancelled.clear()
    console.begin("gate one two")
    gate.release(3)
    expect(console.answers.last).to_have_text("one")
    call(console, "setThreadId", None)
    expect(console.chat).to_have_attribute("aria-busy", "false")
    expect(console.answers).to_have_count(0)
    assert console.site.server.cancelled.wait(10), "The server never heard of it."

    call(console, "setThreadId", "thr_of_nobody")
    expect(console.page.get_by_role("alert")).to_contain_text("That is not there")


def test_show_history_and_hide_history(console: Console) -> None:
    console.open()
    console.send("title Holidays")
    console.chat.evaluate(
        """(chat) => {
          window.seen = [];
          for (const name of ["open", "close"]) {
            chat.addEventListener(`chatkit.history.${name}`, () => window.seen.push(name));
          }
        }"""
    )
    history = console.page.get_by_role("region", name="History")
    call(console, "hideHistory")  # it is not open: nothing happens
    call(console, "showHistory")
    call(console, "showHistory")
    expect(history.get_by_role("button", name="Holidays").first).to_be_visible()
    expect(console.page.get_by_role("button", name="Close history")).to_be_focused()
    call(console, "hideHistory")
    expect(history).to_have_count(0)
    expect(console.page.get_by_role("button", name="History", exact=True)).to_be_focused()
    assert console.page.evaluate("() => window.seen") == ["open", "close"]


def test_send_custom_action(console: Console) -> None:
    console.expected = ("501 (Not Implemented)",)
    console.open()
    console.send("scene controls")
    call(console, "sendCustomAction", {"type": "ping", "payload": {"n": 1}})
    expect(console.answers).to_have_text('ping {"n": 1}')
    expect(console.page.get_by_role("tab").last).to_contain_text("threads.custom_action")

    # For a widget, and without a stream: the answer takes the widget's place.
    [shown] = console.chat.locator("[data-item-id]").filter(has_text="On this page").all()
    item_id = shown.get_attribute("data-item-id")
    action = {"type": "archive", "payload": {"n": 2}, "streaming": False}
    call(console, "sendCustomAction", action, item_id)
    expect(console.chat.get_by_text('archive {"n": 2}')).to_be_visible()
    expect(console.chat.get_by_text("On this page")).to_have_count(0)
    expect(console.page.get_by_role("tab").last).to_contain_text("threads.sync_custom_action")

    call(console, "sendCustomAction", {"type": "refuse", "streaming": False})
    alert = console.page.get_by_role("alert")
    expect(alert).to_contain_text("The server does not offer that")
    call(console, "sendCustomAction", {"type": "fine", "streaming": False})
    expect(alert).to_have_count(0)

    gate = console.site.server.gate
    console.begin("gate one two")
    gate.release(3)
    expect(console.answers.last).to_have_text("one")
    refused = call(console, "sendCustomAction", {"type": "ping"})
    assert refused == "The assistant is still answering. Stop it first."
    gate.release(2)
    console.settled()
    expect(console.answers.last).to_have_text("one two")
