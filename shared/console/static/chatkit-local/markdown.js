// Markdown as DOM nodes, safe for text that a model wrote.
//
// `marked` only cuts the text into tokens; each node is made here. Raw HTML stays text. Links may
// lead to http, https and mailto. Images load from this origin or from data: only: an image of
// another host is how an answer sends away what it knows, with no script at all.

import { Lexer } from "../vendor/marked-18.2.1.esm.js";
import { copyButton, h } from "./dom.js";
import { icon } from "./icons.js";

const LINKS = new Set(["http:", "https:", "mailto:"]);
const NAMED = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0" };

/**
 * Make `container` show `text`. Called again with longer text it touches only the blocks that
 * changed, so that a streaming answer neither flickers nor loses the reader's selection.
 */
export function renderMarkdown(container, text, context = {}) {
  const tokens = new Lexer({ gfm: true }).lex(text);
  const keys = tokens.map((token) => token.raw);
  const links = JSON.stringify(tokens.links); // a definition further down can change any block
  const before = container.markdown;
  let same = 0;
  if (before?.links === links)
    while (same < keys.length && before.keys[same] === keys[same]) same++;
  const start = before ? before.counts.slice(0, same).reduce((sum, count) => sum + count, 0) : 0;
  while (container.childNodes.length > start) container.lastChild.remove();
  const counts = before?.links === links ? before.counts.slice(0, same) : [];
  for (const token of tokens.slice(same)) {
    const nodes = block(token, context);
    counts.push(nodes.length);
    container.append(...nodes);
  }
  container.markdown = { keys, counts, links };
}

const blocks = (tokens, context) => (tokens ?? []).flatMap((token) => block(token, context));
const inlines = (tokens, context) => (tokens ?? []).flatMap((token) => inline(token, context));

function block(token, context) {
  switch (token.type) {
    case "space":
    case "def":
      return [];
    case "heading": // the page has its own h1 and h2
      return [h(`h${Math.min(token.depth + 2, 6)}`, {}, inlines(token.tokens, context))];
    case "paragraph":
      return [h("p", {}, inlines(token.tokens, context))];
    case "text":
      return token.tokens ? inlines(token.tokens, context) : [decode(token.text)];
    case "code":
      return [codeBlock(token)];
    case "blockquote":
      return [h("blockquote", {}, blocks(token.tokens, context))];
    case "hr":
      return [h("hr")];
    case "list":
      return [list(token, context)];
    case "table":
      return [table(token, context)];
    default: // raw HTML, and whatever a later version may bring
      return [h("p", {}, token.raw)];
  }
}

function inline(token, context) {
  switch (token.type) {
    case "strong":
    case "em":
    case "del":
      return [h(token.type, {}, inlines(token.tokens, context))];
    case "codespan":
      return [h("code", {}, token.text)];
    case "br":
      return [h("br")];
    case "link":
      return [link(token.href, inlines(token.tokens, context), context)];
    case "image":
      return [image(token, context)];
    case "text":
      return token.tokens ? inlines(token.tokens, context) : [decode(token.text)];
    case "escape":
      return [token.text];
    default:
      return [token.raw];
  }
}

/** The address if it may be linked to, else null. */
export function safeLink(href) {
  const url = parse(href);
  return url && LINKS.has(url.protocol) ? url.href : null;
}

/** The address if an image may be loaded from it, else null. */
export function safeImage(src) {
  const url = parse(src);
  const ok = url && (url.origin === location.origin || /^data:image\//i.test(url.href));
  return ok ? url.href : null;
}

function parse(href) {
  try {
    return new URL(href, document.baseURI);
  } catch {
    return null;
  }
}

function link(href, children, { onDeeplink }) {
  const url = parse(href);
  if (url?.protocol === "chatkit-link:" && onDeeplink) {
    return h("button.link", { type: "button", onclick: () => onDeeplink(url) }, children);
  }
  const safe = safeLink(href);
  if (!safe) return h("span.blocked", { title: "This link leads nowhere safe." }, children);
  return h("a", { href: safe, target: "_blank", rel: "noopener noreferrer" }, children);
}

function image({ href, text }) {
  const safe = safeImage(href);
  if (safe) return h("img", { src: safe, alt: text ?? "", loading: "lazy" });
  const label = text || "image";
  const target = safeLink(href);
  if (!target) return h("span.blocked", {}, label);
  return h(
    "a.blocked-image",
    {
      href: target,
      target: "_blank",
      rel: "noopener noreferrer",
      title: "An image on another host is not loaded: asking for it would send it the address.",
    },
    `${label} (image not loaded)`,
  );
}

function codeBlock({ text, lang }) {
  const copy = h("button.quiet", { type: "button" }, icon("copy", 14), "Copy");
  copyButton(
    copy,
    () => text,
    () => [icon("check", 14), "Copied"],
  );
  const name = (lang ?? "").split(/\s/)[0];
  return h(
    "div.code",
    {},
    h("div.code-bar", {}, h("span", {}, name || "text"), copy),
    h("pre", { tabindex: "0", "aria-label": `Code, ${name || "plain text"}` }, h("code", {}, text)),
  );
}

function list(token, context) {
  const start = token.ordered && token.start !== 1 ? token.start : null;
  const items = token.items.map((item) => {
    const box = item.task
      ? h("input", {
          type: "checkbox",
          disabled: true,
          checked: item.checked,
          "aria-label": "Task",
        })
      : null;
    const content = item.tokens.filter((child) => child.type !== "checkbox");
    return h(item.task ? "li.task" : "li", {}, box, blocks(content, context));
  });
  return h(token.ordered ? "ol" : "ul", { start }, items);
}

function table(token, context) {
  const cell = (tag) => (content, index) => {
    const node = h(tag, {}, inlines(content.tokens, context));
    if (token.align[index]) node.style.textAlign = token.align[index];
    return node;
  };
  return h(
    "div.table",
    { tabindex: "0", role: "region", "aria-label": "Table" },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, token.header.map(cell("th")))),
      h(
        "tbody",
        {},
        token.rows.map((row) => h("tr", {}, row.map(cell("td")))),
      ),
    ),
  );
}

/** Character references outside code: `&amp;` and its kin. Unknown ones stay as they are. */
function decode(text) {
  return text.replace(/&(#x[0-9a-f]{1,6}|#\d{1,7}|[a-z]+);/gi, (whole, name) => {
    if (name[0] !== "#") return NAMED[name.toLowerCase()] ?? whole;
    const code = /^#x/i.test(name) ? parseInt(name.slice(2), 16) : parseInt(name.slice(1), 10);
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}
