// The list of threads: open, rename, delete.

import { h, parseTime, shortTime } from "./dom.js";
import { icon } from "./icons.js";
import { iconButton, signInButton } from "./items.js";

const PAGE = 30;

export class History {
  #client;
  #context;
  #threads = [];
  #after = null;
  #failure = null;
  #loaded = false;
  #editing = null; // { id, kind: "rename" | "delete" }

  /** `context`: options, current, onOpen(id), onRenamed(thread), onDeleted(id), onToggle(open). */
  constructor(client, context) {
    this.#client = client;
    this.#context = context;
    this.list = h("ul.threads");
    this.close = iconButton("Close history", "close", () => this.hide(), 18);
    this.node = h(
      "section.history",
      { hidden: true, "aria-label": "History" },
      h("header", {}, h("h2", {}, "History"), this.close),
      this.list,
    );
    this.node.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      if (this.#editing) this.#edit(null);
      else this.hide();
    });
  }

  get open() {
    return !this.node.hidden;
  }

  async show() {
    if (this.open) return;
    this.node.hidden = false;
    this.#editing = null;
    this.close.focus();
    this.#context.onToggle(true);
    await this.#load(null);
  }

  hide() {
    if (!this.open) return;
    this.node.hidden = true;
    this.#context.onToggle(false);
  }

  async #load(after) {
    this.#failure = null;
    if (!after) this.#loaded = false;
    this.#render();
    try {
      const params = { limit: PAGE, order: "desc", ...(after ? { after } : {}) };
      const page = await this.#client.post("threads.list", params);
      this.#threads = after ? [...this.#threads, ...page.data] : page.data;
      this.#after = page.has_more ? page.after : null;
    } catch (error) {
      this.#failure = error;
    }
    this.#loaded = true;
    this.#render();
  }

  #edit(editing) {
    const previous = this.#editing;
    this.#editing = editing;
    this.#render();
    const target = this.list.querySelector("input, [data-confirm]");
    const row =
      previous && this.list.querySelector(`[data-thread="${CSS.escape(previous.id)}"] button`);
    (target ?? row)?.focus();
    target?.select?.();
  }

  async #change(work) {
    try {
      await work();
      this.#failure = null;
    } catch (error) {
      this.#failure = error;
    }
    this.#editing = null;
    this.#render();
    this.close.focus();
  }

  #rename(thread, title) {
    return this.#change(async () => {
      const changed = await this.#client.post("threads.update", { thread_id: thread.id, title });
      this.#threads = this.#threads.map((other) => (other.id === thread.id ? changed : other));
      this.#context.onRenamed(changed);
    });
  }

  #delete(thread) {
    return this.#change(async () => {
      await this.#client.post("threads.delete", { thread_id: thread.id });
      this.#threads = this.#threads.filter((other) => other.id !== thread.id);
      this.#context.onDeleted(thread.id);
    });
  }

  #render() {
    const rows = this.#threads.map((thread) => this.#row(thread));
    if (this.#failure) {
      const { title, message, status } = this.#failure;
      const { onSignIn } = this.#context.options();
      const banner = h(
        "div.banner.danger",
        { role: "alert" },
        icon("alert"),
        h("div", {}, h("strong", {}, title), h("div", {}, message)),
        status === 401 && onSignIn && signInButton(onSignIn),
      );
      rows.unshift(h("li", {}, banner));
    } else if (!this.#loaded && !rows.length) {
      rows.push(h("li.empty", { role: "status" }, "Loading…"));
    } else if (!rows.length) {
      rows.push(h("li.empty", {}, "No conversations yet. The first message begins one."));
    }
    if (this.#after) {
      const more = () => this.#load(this.#after);
      rows.push(h("li", {}, h("button.pill", { type: "button", onclick: more }, "Show more")));
    }
    this.list.replaceChildren(...rows);
  }

  #row(thread) {
    const kind = this.#editing?.id === thread.id ? this.#editing.kind : null;
    const content = { rename: renameForm, delete: deleteQuestion }[kind] ?? entry;
    const current = thread.id === this.#context.current();
    const { showRename = true, showDelete = true } = this.#context.options().history ?? {};
    const row = content(thread, {
      current,
      cancel: () => this.#edit(null),
      open: () => this.#context.onOpen(thread.id),
      rename: (title) => this.#rename(thread, title),
      remove: () => this.#delete(thread),
      askRename: showRename && (() => this.#edit({ id: thread.id, kind: "rename" })),
      askDelete: showDelete && (() => this.#edit({ id: thread.id, kind: "delete" })),
    });
    return h(current ? "li.current" : "li", { "data-thread": thread.id }, row);
  }
}

const titleOf = (thread) => thread.title || "Untitled";

function entry(thread, { current, open, askRename, askDelete }) {
  const title = titleOf(thread);
  return [
    h(
      "button.thread",
      { type: "button", onclick: open, "aria-current": current ? "true" : null },
      h(thread.title ? "span" : "span.untitled", {}, title),
      h("time", {}, shortTime(parseTime(thread.created_at))),
    ),
    askRename && iconButton(`Rename ${title}`, "pencil", askRename),
    askDelete && iconButton(`Delete ${title}`, "trash", askDelete),
  ];
}

function renameForm(thread, { rename, cancel }) {
  const input = h("input", { "aria-label": "Title", value: thread.title ?? "", maxlength: "200" });
  const submit = (event) => {
    event.preventDefault();
    if (input.value.trim()) rename(input.value.trim());
  };
  return h(
    "form.rename",
    { onsubmit: submit },
    input,
    h("button.icon-button", { "aria-label": "Save title", title: "Save" }, icon("check", 16)),
    iconButton("Keep the old title", "close", cancel),
  );
}

function deleteQuestion(thread, { remove, cancel }) {
  return h(
    "div.question",
    {},
    h("span", {}, `Delete “${titleOf(thread)}”?`),
    h("button.pill.danger", { type: "button", "data-confirm": true, onclick: remove }, "Delete"),
    h("button.pill", { type: "button", onclick: cancel }, "Keep"),
  );
}
