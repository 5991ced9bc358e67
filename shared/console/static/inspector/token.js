// The "Token" view: what the token of whoever is signed in says. Its signature is never shown whole.

import { copyButton, h } from "../chatkit-local/dom.js";
import { icon } from "../chatkit-local/icons.js";
import { jsonView } from "./json.js";

const SHOWN = 8; // characters of the signature

export class Token {
  #signIn;
  #lasts = h("dd");

  constructor(signIn) {
    this.#signIn = signIn;
    this.node = h("div.token");
    this.tool = h("button.tool", { type: "button" }, icon("copy", 14), "Copy token");
    copyButton(
      this.tool,
      () => signIn.token.raw,
      () => [icon("check", 14), "Copied: keep it to yourself"],
    );
    setInterval(() => this.#count(), 1000);
    this.refresh();
  }

  /** Somebody has signed in or out. */
  refresh() {
    const { token } = this.#signIn;
    this.tool.disabled = !token;
    if (!token) {
      this.node.replaceChildren(
        h(
          "div.nothing",
          {},
          icon("user", 26),
          h("p", {}, "Nobody is signed in."),
          h("p.hint", {}, "The token that you sign in with shows here, taken apart."),
        ),
      );
      return;
    }
    const { header, claims, signature } = token;
    const facts = [
      ["Who", "sub", h("dd", {}, claims.sub)],
      ["Runs out", "exp", this.#lasts],
      ["Key", "kid", h("dd", {}, header.kid ?? "–")],
      ["Algorithm", "alg", h("dd", {}, header.alg ?? "–")],
    ].map(([label, name, value]) => h("div", {}, h("dt", {}, label, h("code", {}, name)), value));
    this.node.replaceChildren(
      h(
        "div.list",
        {},
        h("dl.token-facts", {}, facts),
        h("h3", {}, "Header"),
        jsonView(header, "Header of the token"),
        h("h3", {}, "Claims"),
        jsonView(claims, "Claims of the token"),
        h("h3", {}, "Signature"),
        h(
          "p.signature",
          {},
          h("code", {}, `${signature.slice(0, SHOWN)}…`),
          ` ${signature.length} characters. Whoever has them all can speak as ${claims.sub}.`,
        ),
        h(
          "p.hint",
          {},
          "Anybody can read a token: it is only encoded. What nobody else can do is sign one.",
        ),
      ),
    );
    this.#count();
  }

  #count() {
    if (!this.#signIn.token) return;
    const { remaining, expired } = this.#signIn;
    this.#lasts.classList.toggle("out", expired);
    if (remaining === null) this.#lasts.textContent = "never";
    else if (expired) this.#lasts.textContent = `${time(-remaining)} ago`;
    else this.#lasts.textContent = `in ${time(remaining)}`;
  }
}

/** "1:05:09", "59:08", "0:10" */
function time(seconds) {
  const whole = Math.ceil(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const pad = (number) => String(number).padStart(2, "0");
  return [...(hours ? [hours, pad(minutes)] : [minutes]), pad(whole % 60)].join(":");
}
