// <openai-chatkit>: a local stand-in for OpenAI's element, with the same interface.
//
// Same method names, options and events; same calls of `options.api.fetch`. Not OpenAI's code and
// not a copy of its looks: it lets a server be built and tested with no account and no network.
// Known and left out: attachments, dictation, model and tool pickers, entity tags, translations.
//
// Two options are the workbook's own. `composer: { interrupt: true }` lets a message be sent while
// an answer still streams. This page then stops nothing by itself, so one sees what the server does
// with the old turn. Without it the composer waits for the end of the answer, as OpenAI's does.
// `onSignIn` is what a button calls that stands beside a 401.

import { Client } from "./client.js";
import { Composer } from "./composer.js";
import { Conversation } from "./conversation.js";
import { h } from "./dom.js";
import { History } from "./history.js";
import { iconButton } from "./items.js";
import { plainText } from "./protocol.js";
import { Transcript } from "./transcript.js";

// A host that renders with React attaches its listeners after the first paint. An event sent
// earlier, even from a timer of 0 ms, is sent before anybody listens.
const READY_AFTER = 50; // milliseconds

export class LocalChatKit extends HTMLElement {
  #options = null;
  #ready = false;
  #frame = 0;
  #styled; // until then nothing is visible, and nothing can take the focus
  #conversation;
  #transcript;
  #composer;
  #history;
  #behind; // what the history covers
  #title = h("h1");
  #status = h("div.visually-hidden", { role: "status" });
  #historyButton = iconButton("History", "history", () => this.showHistory(), 19);
  #newButton = iconButton("New chat", "compose", () => this.#newChat(), 19);
  #disclaimer = h("p.disclaimer");

  constructor() {
    super();
    const options = () => this.#options ?? {};
    const client = new Client(options);
    this.#conversation = new Conversation({
      client,
      options,
      emit: (name, detail) => this.#emit(name, detail),
      changed: () => this.#changed(),
    });
    this.#transcript = new Transcript(this.#conversation, {
      options,
      feedback: () => this.#conversation.feedback,
      onPrompt: (prompt) => this.sendUserMessage(asMessage(prompt)),
      onRate: (id, kind) => this.#conversation.rate(id, kind),
      onRetry: (id) => this.#retry(id),
      onAction: (action, item) => this.#act(action, item),
      onDeeplink: (url) => this.#emit("deeplink", deeplink(url)),
    });
    this.#composer = new Composer({
      onSend: (text) => this.sendUserMessage({ text }),
      onStop: () => this.#conversation.stop(),
    });
    this.#history = new History(client, {
      options,
      current: () => this.#conversation.state.id,
      onOpen: async (id) => {
        this.hideHistory();
        await this.setThreadId(id);
        this.#composer.focus();
      },
      onRenamed: (thread) => this.#conversation.rename(thread),
      onDeleted: (id) => id === this.#conversation.state.id && this.#conversation.open(null),
      onToggle: (open) => {
        for (const part of this.#behind) part.inert = open;
        this.#emit(open ? "history.open" : "history.close");
        if (!open) this.#historyButton.focus();
      },
    });
    this.#build();
  }

  #build() {
    const root = this.attachShadow({ mode: "open" });
    const style = h("link", { rel: "stylesheet", href: new URL("element.css", import.meta.url) });
    this.#behind = [
      h("header.bar", {}, this.#historyButton, this.#title, this.#newButton),
      this.#transcript.node,
      h("footer", {}, this.#composer.node, this.#disclaimer),
    ];
    const frame = h("div.frame", {}, this.#behind, this.#history.node, this.#status);
    frame.style.visibility = "hidden"; // no flash of a page without its style
    this.#styled = new Promise((done) => {
      style.addEventListener("load", done);
      style.addEventListener("error", done);
    });
    this.#styled.then(() => frame.style.removeProperty("visibility"));
    root.append(style, frame);
  }

  connectedCallback() {
    if (!this.hasAttribute("aria-busy")) this.setAttribute("aria-busy", "false");
  }

  /** Taken off the page, it stops its answer; moved to another place on it, it goes on. */
  disconnectedCallback() {
    queueMicrotask(() => this.isConnected || this.#conversation.stop());
  }

  // ---- OpenAI's interface -------------------------------------------------------------------

  /** All options at once: what is not given goes back to its default. */
  setOptions(options) {
    if (!options?.api?.url) throw new TypeError("setOptions needs api.url.");
    const first = this.#options === null;
    this.#options = options;
    const scheme = options.theme?.colorScheme ?? options.theme;
    this.style.colorScheme = ["light", "dark"].includes(scheme) ? scheme : "";
    this.setAttribute("aria-label", options.frameTitle ?? "Chat");
    this.#render();
    if (first) this.#becomeReady();
  }

  async focusComposer() {
    this.#composer.focus();
  }

  async setThreadId(threadId) {
    await this.#conversation.open(threadId);
  }

  async sendUserMessage({ text, content, reply, attachments = [], newThread, toolChoice, model }) {
    if (newThread) await this.#conversation.open(null);
    this.#transcript.follow();
    await this.#conversation.send({
      content: content ?? [{ type: "input_text", text }],
      attachments: attachments.map(({ id }) => id),
      ...(reply ? { quoted_text: reply } : {}),
      inference_options: {
        ...(toolChoice ? { tool_choice: toolChoice } : {}),
        ...(model ? { model } : {}),
      },
    });
  }

  async setComposerValue({ text, content }) {
    this.#composer.value = text ?? (content ?? []).map((part) => part.text).join("");
  }

  async fetchUpdates() {
    await this.#conversation.refresh();
  }

  async sendCustomAction(action, itemId) {
    await this.#conversation.act(action, itemId);
  }

  async showHistory() {
    await this.#history.show();
  }

  async hideHistory() {
    this.#history.hide();
  }

  // ---- inside ------------------------------------------------------------------------------

  async #becomeReady() {
    await Promise.all([this.#styled, new Promise((done) => setTimeout(done, READY_AFTER))]);
    this.#ready = true;
    this.#render();
    this.#emit("ready");
    const { initialThread } = this.#options;
    if (initialThread && !this.#conversation.state.id && !this.#conversation.busy) {
      this.setThreadId(initialThread);
    }
  }

  #emit(name, detail) {
    this.dispatchEvent(
      new CustomEvent(`chatkit.${name}`, { detail, bubbles: true, composed: true }),
    );
    if (name !== "log") this.#emit("log", { name, data: detail });
  }

  #newChat() {
    this.setThreadId(null);
    this.#composer.focus();
  }

  async #retry(answerId) {
    const { items } = this.#conversation.state;
    const index = items.findIndex((item) => item.id === answerId);
    const question = items.slice(0, index).findLast((item) => item.type === "user_message");
    if (question) await this.#conversation.retry(question.id);
  }

  async #act(action, item) {
    if (this.#conversation.busy) return undefined; // one turn at a time: the click has no effect
    if (action.handler !== "client") return this.#conversation.act(action, item.id);
    const { type, payload } = action;
    return this.#options.widgets?.onAction?.(
      { type, payload },
      { id: item.id, widget: item.widget },
    );
  }

  /** Called after each event. Drawing waits for the next frame; the state for tests does not. */
  #changed() {
    const { busy, loading } = this.#conversation;
    const active = String(busy || loading);
    const settled = this.getAttribute("aria-busy") === "true" && active === "false";
    if (settled || document.hidden) this.#render();
    else this.#frame ||= requestAnimationFrame(() => this.#render());
    if (this.getAttribute("aria-busy") !== active) this.#announce(busy);
    this.setAttribute("aria-busy", active);
  }

  /** Say the whole answer once, when it is there: a screen reader cannot follow single words. */
  #announce(busy) {
    const { state, failure } = this.#conversation;
    const last = state.items.at(-1);
    if (busy) this.#status.textContent = "The assistant is answering.";
    else if (failure)
      this.#status.textContent = ""; // the banner is an alert by itself
    else this.#status.textContent = last?.type === "assistant_message" ? plainText(last) : "";
  }

  #render() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const options = this.#options;
    if (!options) return;
    const focused = this.shadowRoot.activeElement;
    const { state, busy, canSend } = this.#conversation;
    const { header = {}, history = {}, composer = {}, disclaimer } = options;
    const bar = this.#title.parentElement;
    bar.hidden = header.enabled === false;
    this.#historyButton.hidden = history.enabled === false;
    this.#title.hidden = header.title?.enabled === false;
    this.#title.textContent =
      header.title?.text ?? (state.title || (state.id ? "Untitled" : "New chat"));
    this.#disclaimer.hidden = !disclaimer?.text;
    this.#disclaimer.textContent = disclaimer?.text ?? "";
    const { type, reason } = state.status;
    this.#composer.update({
      ready: this.#ready,
      busy,
      canSend,
      allowCancel: state.allowCancel,
      locked: type === "active" ? null : reason || `This conversation is ${type}.`,
      placeholder: composer.placeholder ?? "Message the AI",
    });
    this.#transcript.render();
    // The button that was pressed may be gone or of no use now. The next thing to do is to write.
    if (focused && (!focused.isConnected || focused.disabled)) this.#composer.focus();
  }
}

const asMessage = (prompt) => (typeof prompt === "string" ? { text: prompt } : { content: prompt });

const deeplink = (url) => ({
  name: url.hostname || url.pathname.replace(/^\/*/, ""),
  data: Object.fromEntries(url.searchParams),
});

if (!customElements.get("openai-chatkit")) {
  customElements.define("openai-chatkit", LocalChatKit);
  console.info("openai-chatkit: a local stand-in for OpenAI's element, made for learning.");
}
