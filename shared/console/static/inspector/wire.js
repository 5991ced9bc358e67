// The "Wire" view: a tab for each request, and below them the one that is chosen.

import { h } from "../chatkit-local/dom.js";
import { icon } from "../chatkit-local/icons.js";
import { Detail } from "./detail.js";
import { duration } from "./measure.js";

// A page that draws cannot read: at 60 pictures a second, tokens 5 ms apart are seen in lumps.
const DRAW_EVERY = 100; // milliseconds

export class Wire {
  #recorder;
  #tabs = new Map(); // exchange -> button
  #shown = null;
  #detail = null;
  #timer = 0;
  #settings = { hideDeltas: false, raw: false };

  constructor(recorder) {
    this.#recorder = recorder;
    this.tabs = h("div.tabs", { role: "tablist", "aria-label": "Requests" });
    this.panel = h("div.panel", { role: "tabpanel", id: "wire-panel" });
    this.node = h("div.wire", {}, this.tabs, this.panel);
    this.tabs.addEventListener("keydown", (event) => this.#key(event));
    recorder.addEventListener("start", ({ detail }) => this.#started(detail));
    recorder.addEventListener("progress", ({ detail }) => this.#changed(detail));
    recorder.addEventListener("end", ({ detail }) => this.#changed(detail));
    recorder.addEventListener("clear", () => this.#clear());
    // On a small screen the inspector may be hidden when a request comes, and cannot scroll then.
    new ResizeObserver(() => this.#showTab()).observe(this.tabs);
    this.#clear();
  }

  #clear() {
    this.#tabs.clear();
    this.#shown = this.#detail = null;
    this.tabs.replaceChildren();
    this.panel.replaceChildren(emptyState());
  }

  #started(exchange) {
    for (const [old, tab] of this.#tabs) {
      if (this.#recorder.exchanges.includes(old)) continue;
      tab.remove();
      this.#tabs.delete(old);
    }
    const select = () => this.#select(exchange);
    const attributes = {
      role: "tab",
      type: "button",
      "aria-controls": "wire-panel",
      onclick: select,
    };
    const tab = h("button.tab", { ...attributes, "aria-selected": "false", tabindex: "-1" });
    this.#tabs.set(exchange, tab);
    this.tabs.append(tab);
    this.#label(exchange);
    // A turn comes to the front. Small requests do not push away what one is reading.
    const turn = /create|add_|retry|custom_action/.test(exchange.operation);
    if (turn || !this.#shown) this.#select(exchange);
    this.tabs.scrollTo({ left: this.tabs.scrollWidth });
  }

  #changed(exchange) {
    if (!this.#tabs.has(exchange)) return;
    if (exchange === this.#shown && exchange.outcome) this.#draw();
    else this.#timer ||= setTimeout(() => this.#draw(), DRAW_EVERY);
    if (exchange.status !== null || exchange.outcome) this.#label(exchange);
  }

  #draw() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#detail?.update();
    if (this.#detail?.moves) this.#timer = setTimeout(() => this.#draw(), DRAW_EVERY);
  }

  #label(exchange) {
    const { operation, status, endedAt, outcome } = exchange;
    const tab = this.#tabs.get(exchange);
    const bad = (status ?? 200) >= 400 || ["failed", "broken"].includes(outcome);
    const key = `${status} ${outcome}`;
    if (tab.key === key) return;
    tab.key = key;
    const how = outcome === null || outcome === "done" ? "" : `${outcome} `;
    tab.replaceChildren(
      h("span.operation", {}, operation),
      h(
        "span.facts",
        {},
        h(bad ? "b.bad" : "b", {}, String(status ?? (outcome ? "no answer" : "…"))),
        ` ${how}${endedAt === null ? "" : duration(endedAt)}`,
      ),
    );
    tab.classList.toggle("live", outcome === null);
  }

  #select(exchange) {
    this.#shown = exchange;
    for (const [other, tab] of this.#tabs) {
      const selected = other === exchange;
      tab.setAttribute("aria-selected", String(selected));
      tab.setAttribute("tabindex", selected ? "0" : "-1");
    }
    this.#detail = new Detail(exchange, this.#settings, () => this.#recorder.exchanges);
    this.panel.replaceChildren(this.#detail.node);
    this.#draw();
  }

  #showTab() {
    this.#tabs.get(this.#shown)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  #key({ key }) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    const all = [...this.#tabs.values()];
    const next = step && all[all.indexOf(document.activeElement) + step];
    next?.focus();
    next?.click();
  }
}

function emptyState() {
  return h(
    "div.nothing",
    {},
    icon("bolt", 26),
    h("p", {}, "Nothing on the wire yet."),
    h(
      "p.hint",
      {},
      "Send a message: each event shows here, with its time and its gap, as it arrives.",
    ),
  );
}
