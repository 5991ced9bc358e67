// JSON to read: indented, with its parts told apart.

import { h } from "../chatkit-local/dom.js";

const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/gi;

/** A <pre> of the value. Text that is no JSON shows as it is. */
export function jsonView(value, label = "JSON") {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  const pre = h("pre.json", { tabindex: "0", "aria-label": label });
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    const [whole, string, colon] = match;
    const kind = colon ? "key" : string ? "string" : "literal";
    const shown = string ?? whole;
    pre.append(text.slice(end, match.index), h(`span.${kind}`, {}, shown));
    end = match.index + shown.length;
  }
  pre.append(text.slice(end));
  return pre;
}
