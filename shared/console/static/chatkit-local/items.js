// One function for each type of thread item.

import { copyButton, h, parseTime, shortTime } from "./dom.js";
import { icon } from "./icons.js";
import { renderMarkdown, safeImage, safeLink } from "./markdown.js";
import { plainText } from "./protocol.js";
import { renderWidget, unknown } from "./widgets.js";

const RENDER = {
  __proto__: null, // the names below and no others
  user_message: userMessage,
  assistant_message: assistantMessage,
  workflow: workflowItem,
  task: (item) => h("div.item.workflow", {}, h("ul.tasks", {}, task(item.task))),
  widget: (item, context) =>
    h(
      "div.item",
      {},
      renderWidget(item.widget, (action) => context.onAction(action, item)),
    ),
  client_tool_call: clientToolCall,
  generated_image: generatedImage,
};

/**
 * The node for an item, or null for one that shows nothing. `before` is the node of the item's
 * last state: a message that grows keeps its node. `context` holds what the buttons do.
 */
export function renderItem(item, context, before) {
  if (item.type === "end_of_turn") return null;
  const render = RENDER[item.type];
  return render ? render(item, context, before) : h("div.item", {}, unknown(item));
}

function userMessage(item) {
  const parts = item.content.map((part) =>
    part.type === "input_tag" ? h("span.tag", {}, `@${part.text}`) : part.text,
  );
  return h(
    "div.item.user",
    { role: "group", "aria-label": "You" },
    item.quoted_text ? h("blockquote", {}, item.quoted_text) : null,
    h("div.bubble", {}, parts),
    (item.attachments ?? []).map(({ name }) => h("span.tag", {}, icon("document", 14), name)),
  );
}

function assistantMessage(item, context, before) {
  const node =
    before ?? h("div.item.assistant", { role: "group", "aria-label": "Assistant" }, h("div.parts"));
  const parts = node.firstChild;
  item.content.forEach((part, index) => {
    if (!parts.children[index]) parts.append(h("div.markdown"));
    renderMarkdown(parts.children[index], part.text ?? "", context);
  });
  while (parts.children.length > item.content.length) parts.lastChild.remove();
  node.querySelector(".sources")?.remove();
  const sources = item.content
    .flatMap((part) => part.annotations ?? [])
    .map(({ source }) => source);
  if (sources.length) parts.after(sourceList(sources));
  return node;
}

function sourceList(sources) {
  const entries = sources.map((source) => {
    const label = source.title || source.filename || source.id || source.url;
    const href = source.url && safeLink(source.url);
    const rel = "noopener noreferrer";
    return h("li", {}, href ? h("a", { href, target: "_blank", rel }, label) : label);
  });
  return h("ol.sources", { "aria-label": "Sources" }, entries);
}

function workflowItem({ workflow }, _context, before) {
  const { summary, tasks } = workflow;
  const done = summary !== undefined && summary !== null;
  let title = workflow.type === "reasoning" ? "Thinking" : "Working";
  if (done) title = summary.title ?? `Worked for ${summary.duration} s`;
  else title = tasks.findLast((entry) => entry?.title)?.title ?? title;
  const open = before ? before.querySelector("details").open : workflow.expanded || !done;
  return h(
    "div.item.workflow",
    {},
    h(
      "details",
      { open },
      h("summary", {}, icon("chevron-right", 15), h(done ? "span" : "span.shimmer", {}, title)),
      h("ul.tasks", {}, tasks.map(task)),
    ),
  );
}

const TASK_ICONS = {
  web_search: "globe",
  file: "document",
  thought: "lightbulb",
  image: "sparkle",
};

function task(entry) {
  const state = entry.status_indicator ?? "none";
  const mark = {
    loading: () => h("span.spinner", { role: "img", "aria-label": "running" }),
    complete: () => icon("check", 15),
    none: () => icon(entry.icon ?? TASK_ICONS[entry.type] ?? "dot", 15),
  }[state]();
  const sources = (entry.sources ?? []).map((source) => source.title);
  const body = h("div");
  if (entry.content) renderMarkdown(body, entry.content);
  return h(
    "li",
    {},
    h("span.mark", {}, mark),
    h(
      "div.task-text",
      {},
      entry.title ? h("div", {}, entry.title) : null,
      entry.content ? h("div.task-content.markdown", {}, ...body.childNodes) : null,
      sources.length ? h("div.task-content", {}, sources.join(", ")) : null,
    ),
  );
}

function clientToolCall(item) {
  const pending = item.status === "pending";
  const detail = { arguments: item.arguments, output: item.output };
  return h(
    "details.item.tool-call",
    {},
    h(
      "summary",
      {},
      pending ? h("span.spinner") : icon("tool", 15),
      h(
        "span",
        {},
        pending ? "Asking this page for " : "This page answered ",
        h("code", {}, item.name),
      ),
    ),
    h("pre", { tabindex: "0" }, JSON.stringify(detail, null, 2)),
  );
}

function generatedImage({ image, progress }) {
  const src = image && safeImage(image.url);
  const working = image ? typeof progress === "number" && progress < 1 : true;
  const percent = progress ? ` ${Math.round(progress * 100)} %` : "";
  return h(
    "div.item",
    {},
    src ? h("img.generated", { src, alt: "Generated image" }) : null,
    image && !src ? h("span.blocked", {}, "Generated image (not loaded: it is elsewhere)") : null,
    working ? h("div.progress", {}, h("span.spinner"), `Making an image${percent}`) : null,
  );
}

/** The row of buttons below an answer. */
export function itemActions(item, context) {
  const { feedback = false, retry = false } = context.options().threadItemActions ?? {};
  const copy = iconButton("Copy answer", "copy");
  copyButton(
    copy,
    () => plainText(item),
    () => [icon("check", 16)],
  );
  const thumb = (kind, label, name) => {
    const button = iconButton(label, name, () => context.onRate(item.id, kind));
    button.dataset.rating = kind;
    return button;
  };
  return h(
    "div.actions",
    { role: "group", "aria-label": "About this answer" },
    copy,
    feedback ? thumb("positive", "Good answer", "thumb-up") : null,
    feedback ? thumb("negative", "Bad answer", "thumb-down") : null,
    retry ? iconButton("Answer again", "reload", () => context.onRetry(item.id)) : null,
    h("time", { datetime: item.created_at }, shortTime(parseTime(item.created_at))),
  );
}

/** Show which of the two thumbs was chosen, if any. */
export function markRating(actions, chosen) {
  for (const button of actions.querySelectorAll("[data-rating]")) {
    button.setAttribute("aria-pressed", String(button.dataset.rating === chosen));
  }
}

export function iconButton(label, name, onclick, size = 16) {
  return h(
    "button.icon-button",
    { type: "button", "aria-label": label, title: label, onclick },
    icon(name, size),
  );
}

/** What stands beside a failure that signing in can mend. */
export function signInButton(onclick) {
  return h("button.pill", { type: "button", onclick: () => onclick() }, "Sign in");
}
