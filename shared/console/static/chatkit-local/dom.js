// Small helpers for building the page. Nothing here, or anywhere in the console, uses innerHTML.

/**
 * h("button.primary", { type: "button", onclick: run }, "Send")
 *
 * Null and false attributes and children are left out.
 */
export function h(spec, attributes = {}, ...children) {
  const [tag, ...classes] = spec.split(".");
  const node = document.createElement(tag);
  if (classes.length) node.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== false));
  return node;
}

/** Put text on the clipboard. Plain http has no clipboard API, except on localhost: the old way. */
export async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = h("textarea.visually-hidden", { "aria-hidden": "true" });
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

/** Let a copy button say for a moment that it did its work. */
export function copyButton(button, textOf, done) {
  const before = [...button.childNodes];
  button.addEventListener("click", async () => {
    await copyText(textOf());
    button.replaceChildren(...done());
    setTimeout(() => button.replaceChildren(...before), 1500);
  });
  return button;
}

/** The SDK may write times without a zone. They are UTC: a browser would read them as local. */
export function parseTime(text) {
  const hasZone = /(Z|[+-]\d\d:?\d\d)$/.test(text ?? "");
  return new Date(hasZone ? text : `${text}Z`);
}

/** "14:05" today, "Tue 14:05" this week, else the date. */
export function shortTime(date, now = new Date()) {
  if (Number.isNaN(date.getTime())) return "";
  const time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  if (date.toDateString() === now.toDateString()) return time;
  const days = (now - date) / 86_400_000;
  if (days < 6) return `${date.toLocaleDateString([], { weekday: "short" })} ${time}`;
  return date.toLocaleDateString([], { day: "numeric", month: "short", year: "numeric" });
}
