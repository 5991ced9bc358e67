// The scrolling list of a conversation: items, what is going on, and what went wrong.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { itemActions, markRating, renderItem, signInButton } from "./items.js";

const NEAR_THE_END = 48; // pixels: whoever reads within this distance wants to follow

export class Transcript {
  #conversation;
  #context;
  #nodes = new Map(); // item id -> { item, node, actions }
  #following = true;
  #thread = null;

  constructor(conversation, context) {
    this.#conversation = conversation;
    this.#context = context;
    this.items = h("div.items");
    this.tail = h("div.tail");
    this.earlier = h(
      "button.pill",
      { type: "button", hidden: true, onclick: () => this.#loadEarlier() },
      "Show earlier messages",
    );
    this.start = h("div.start");
    this.jump = h(
      "button.jump",
      { type: "button", hidden: true, "aria-label": "Go to the latest message" },
      icon("arrow-down", 18),
    );
    this.jump.addEventListener("click", () => this.follow("smooth"));
    this.scroller = h(
      "div.scroller",
      { role: "log", "aria-label": "Conversation", "aria-live": "off", tabindex: "0" },
      h("div.column", {}, this.earlier, this.start, this.items, this.tail),
    );
    this.scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    // An image that loads, or a window that changes, moves the end without any event of ours.
    new ResizeObserver(() => this.#following && this.follow()).observe(this.items);
    this.node = h("div.transcript", {}, this.scroller, this.jump);
  }

  /** Scroll to the end, and keep following it. */
  follow(behavior = "instant") {
    this.#following = true;
    this.scroller.scrollTo({ top: this.scroller.scrollHeight, behavior });
    this.jump.hidden = true;
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    this.#following = scrollHeight - scrollTop - clientHeight < NEAR_THE_END;
    this.jump.hidden = this.#following;
  }

  async #loadEarlier() {
    const before = this.scroller.scrollHeight;
    this.#following = false;
    await this.#conversation.loadEarlier();
    this.render();
    this.scroller.scrollTop += this.scroller.scrollHeight - before;
  }

  render() {
    const { state, busy, loading, earlier, failure } = this.#conversation;
    if (state.id !== this.#thread) {
      if (this.#thread !== null || state.id === null) this.#following = true;
      this.#thread = state.id;
    }
    this.earlier.hidden = !earlier;
    this.#renderItems(state.items, busy);
    this.#renderTail();
    const empty = !state.items.length && !loading && !failure;
    this.start.replaceChildren(...(empty ? this.#startScreen() : []));
    if (loading) this.start.append(h("div.skeleton", { role: "status", "aria-label": "Loading" }));
    if (this.#following) this.follow();
  }

  #renderItems(items, busy) {
    const seen = new Set();
    let place = this.items.firstChild;
    for (const [index, item] of items.entries()) {
      seen.add(item.id);
      let entry = this.#nodes.get(item.id);
      if (entry?.item !== item) {
        const keep = entry?.item.type === item.type ? entry.node : undefined;
        const node = renderItem(item, this.#context, keep);
        if (!node) continue;
        if (entry && node !== entry.node) {
          if (place === entry.node) place = entry.node.nextSibling;
          entry.node.remove();
        }
        entry?.actions?.remove();
        entry?.note?.remove();
        node.dataset.itemId = item.id;
        entry = { item, node };
        this.#nodes.set(item.id, entry);
      }
      if (entry.node === place) place = place.nextSibling;
      else this.items.insertBefore(entry.node, place);
      this.#renderActions(entry, busy, items[index + 1]);
    }
    for (const [id, { node }] of this.#nodes) {
      if (seen.has(id)) continue;
      node.remove();
      this.#nodes.delete(id);
    }
  }

  /** Below the last answer of a turn: what can be done with it. Below what was lost or cut: that. */
  #renderActions(entry, busy, next) {
    const { item, node } = entry;
    const closes = item.type === "assistant_message" && (!next || next.type === "user_message");
    if (closes && !busy && item.content.length) {
      entry.actions ??= itemActions(item, this.#context);
      markRating(entry.actions, this.#context.feedback().get(item.id));
      if (entry.actions.parentElement !== node) node.append(entry.actions);
    } else {
      entry.actions?.remove();
    }
    const cut = this.#conversation.cut.has(item.id);
    const note = cut ? "Cut short by your next message." : item.local && !busy && "Not sent";
    if (!note || entry.note?.textContent !== note) entry.note?.remove();
    if (!note || entry.note?.isConnected) return;
    entry.note = h("div.note", {}, cut && icon("stop", 13), note);
    node.append(entry.note);
  }

  #renderTail() {
    const { state, busy, stopped, failure } = this.#conversation;
    const parts = [];
    if (busy && state.progress) parts.push(progress(state.progress));
    else if (busy && waits(state)) parts.push(h("div.dots", {}, h("i"), h("i"), h("i")));
    for (const notice of state.notices) parts.push(this.#notice(notice));
    if (failure) parts.push(this.#failure(failure));
    if (stopped && !busy)
      parts.push(h("div.note", {}, icon("stop", 13), "You stopped this answer."));
    // The same progress keeps its node, so that its animation does not begin again.
    const key = JSON.stringify([
      busy,
      state.progress,
      waits(state),
      state.notices,
      stopped,
      failure,
    ]);
    if (this.tail.key !== key) this.tail.replaceChildren(...parts);
    this.tail.key = key;
  }

  #notice({ level, title, message }) {
    const name = level === "info" ? "info" : "alert";
    const text = h("div", {}, title ? h("strong", {}, title) : null, h("div", {}, message));
    return h(`div.banner.${level}`, { role: "status" }, icon(name), text);
  }

  #failure({ title, message, status, again }) {
    const { onSignIn } = this.#context.options();
    return h(
      "div.banner.danger",
      { role: "alert" },
      icon("alert"),
      h("div", {}, h("strong", {}, title), h("div", {}, message)),
      again ? h("button.pill", { type: "button", onclick: () => again() }, "Try again") : null,
      status === 401 && onSignIn ? signInButton(onSignIn) : null,
    );
  }

  #startScreen() {
    const { greeting = "What can I help with today?", prompts = [] } =
      this.#context.options().startScreen ?? {};
    const buttons = prompts.map(({ label, prompt, icon: name }) =>
      h(
        "button.prompt",
        { type: "button", onclick: () => this.#context.onPrompt(prompt) },
        icon(name ?? "sparkle", 16),
        label,
      ),
    );
    return [h("h2.greeting", {}, greeting), h("div.prompts", {}, buttons)];
  }
}

function progress({ text, icon: name }) {
  const mark = name ? icon(name, 16) : h("span.spinner");
  return h("div.progress", {}, mark, h("span.shimmer", {}, text));
}

/** True while nothing moves on the page though the server is at work. */
function waits({ items, open }) {
  const last = items.at(-1);
  return !(
    open.includes(last?.id) &&
    (last.content?.[0]?.text || last.type !== "assistant_message")
  );
}
