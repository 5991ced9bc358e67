// A list whose rows open to show JSON. One stop of the Tab key; arrow keys move inside.

import { h } from "../chatkit-local/dom.js";
import { jsonView } from "./json.js";

export class Rows {
  constructor(label) {
    this.node = h("ol.rows", { "aria-label": label });
    this.node.addEventListener("click", ({ target }) => {
      const button = target.closest("button.row");
      if (button) this.#toggle(button);
    });
    this.node.addEventListener("keydown", (event) => this.#key(event));
  }

  get length() {
    return this.node.children.length;
  }

  clear() {
    this.node.replaceChildren();
  }

  /** Add rows: { kind, cells, value }. `value` is what opens below: JSON, or text as it is. */
  append(rows) {
    const fragment = document.createDocumentFragment();
    for (const { kind, cells, value } of rows) {
      const first = !this.length && !fragment.childNodes.length;
      const attributes = { type: "button", "aria-expanded": "false", tabindex: first ? "0" : "-1" };
      const item = h(`li.${kind}`, {}, h("button.row", attributes, cells));
      item.json = value;
      fragment.append(item);
    }
    this.node.append(fragment);
  }

  #toggle(button) {
    const item = button.parentElement;
    const open = button.getAttribute("aria-expanded") !== "true";
    button.setAttribute("aria-expanded", String(open));
    if (open) item.append(jsonView(item.json));
    else item.querySelector("pre").remove();
    this.#focus(button);
  }

  #key(event) {
    const button = event.target.closest("button.row");
    if (!button) return;
    const all = [...this.node.querySelectorAll("button.row")].filter((row) => row.offsetParent);
    const index = all.indexOf(button);
    const target = {
      ArrowDown: all[index + 1],
      ArrowUp: all[index - 1],
      Home: all[0],
      End: all.at(-1),
    }[event.key];
    if (!target) return;
    event.preventDefault();
    this.#focus(target);
  }

  #focus(button) {
    this.node.querySelector("[tabindex='0'].row")?.setAttribute("tabindex", "-1");
    button.setAttribute("tabindex", "0");
    button.focus();
  }
}
