// The right half of the page: what went over the wire, and what the server kept.

import { h } from "../chatkit-local/dom.js";
import { Stored } from "./stored.js";
import { Token } from "./token.js";
import { Wire } from "./wire.js";

export class Inspector {
  #views;
  #buttons = {};
  #tools;
  #stored;
  #token;

  /** `recorder` sees the chat's requests; `fetch` is for the inspector's own; `signIn` may be null. */
  constructor(node, { recorder, endpoint, fetch, thread, signIn }) {
    this.#stored = new Stored({ endpoint, fetch, thread });
    this.#token = signIn && new Token(signIn);
    this.#views = { wire: new Wire(recorder).node, stored: this.#stored.node };
    this.#tools = {
      wire: h("button.tool", { type: "button", onclick: () => recorder.clear() }, "Clear"),
      stored: h("button.tool", { type: "button", onclick: () => this.threadChanged() }, "Refresh"),
    };
    if (this.#token) {
      this.#views.token = this.#token.node;
      this.#tools.token = this.#token.tool;
    }
    for (const name of Object.keys(this.#views)) {
      const label = { wire: "Wire", stored: "Stored", token: "Token" }[name];
      const show = () => this.#show(name);
      this.#buttons[name] = h("button.view", { type: "button", onclick: show }, label);
    }
    node.append(
      h(
        "div.inspector-bar",
        { role: "group", "aria-label": "Inspector view" },
        Object.values(this.#buttons),
        Object.values(this.#tools),
      ),
      ...Object.values(this.#views),
    );
    this.#show("wire");
  }

  /** Another thread is open, or this one has changed. */
  threadChanged() {
    if (!this.#stored.node.hidden) this.#stored.refresh();
  }

  /** Somebody else speaks from now on, or nobody. */
  userChanged() {
    this.#token?.refresh();
    this.#stored.refresh();
  }

  #show(name) {
    for (const [other, view] of Object.entries(this.#views)) {
      view.hidden = other !== name;
      this.#tools[other].hidden = other !== name;
      this.#buttons[other].setAttribute("aria-pressed", String(other === name));
    }
    if (name === "stored") this.#stored.refresh();
  }
}
