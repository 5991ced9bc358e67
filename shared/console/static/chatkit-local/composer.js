// The box one writes in. Enter sends, Shift+Enter makes a new line, Escape stops an answer.
//
// While an answer streams the button stops it. Where a message may interrupt (see `interrupt` in
// element.js), the button sends as soon as there is something to send; Escape still stops.

import { h } from "./dom.js";
import { icon } from "./icons.js";

export class Composer {
  #width = 0;
  #measured = null; // the width and text that the height was made for

  constructor({ onSend, onStop }) {
    this.onSend = onSend;
    this.onStop = onStop;
    this.busy = this.ready = this.canSend = false;
    this.input = h("textarea", { rows: "1", "aria-label": "Message", enterkeyhint: "send" });
    this.button = h("button.send", { type: "button", onclick: () => this.#press() });
    this.node = h("div.composer", {}, this.input, this.button);
    this.node.addEventListener("click", (event) => event.target === this.node && this.focus());
    this.input.addEventListener("input", () => this.render());
    this.input.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(([{ contentRect }]) => {
      this.#width = contentRect.width;
      this.#grow();
    }).observe(this.node);
  }

  get value() {
    return this.input.value;
  }

  set value(text) {
    this.input.value = text;
    this.render();
  }

  /** Whether the button stops the answer now, and does not send. */
  get stops() {
    return this.busy && !(this.canSend && this.value.trim());
  }

  focus() {
    this.input.focus();
  }

  /** `allowCancel` is the server's word on whether a turn may be stopped. */
  update({ ready, busy, canSend, allowCancel, locked, placeholder }) {
    Object.assign(this, { ready, busy, canSend, allowCancel, locked });
    this.input.placeholder = locked || placeholder;
    this.render();
  }

  render() {
    const { ready, allowCancel, locked, stops } = this;
    this.input.disabled = !ready || Boolean(locked);
    const label = stops ? "Stop" : "Send message";
    if (this.button.title !== label) {
      this.button.title = label;
      this.button.setAttribute("aria-label", label);
      this.button.replaceChildren(icon(stops ? "stop" : "send", 18));
    }
    this.button.classList.toggle("stop", stops);
    this.button.disabled = stops ? !allowCancel : this.input.disabled || !this.value.trim();
    this.#grow();
  }

  // Grow with the text, up to the limit in the style sheet. To measure is to lay out the page, and
  // this is called with every word of an answer: so only where the height can differ.
  #grow() {
    const key = `${this.#width} ${this.value}`;
    if (this.#measured === key) return;
    this.#measured = key;
    this.input.style.height = "auto";
    this.input.style.height = `${this.input.scrollHeight}px`;
  }

  #press() {
    if (this.stops) this.onStop();
    else this.#send();
  }

  #key(event) {
    if (event.key === "Escape" && this.busy) this.onStop();
    // While an input method composes a character, Enter chooses it.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#send();
  }

  #send() {
    const text = this.value.trim();
    if (!text || this.input.disabled || !this.canSend) return;
    this.value = "";
    this.onSend(text);
  }
}
