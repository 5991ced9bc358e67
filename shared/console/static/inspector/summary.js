// Events and items in one line each.

const DELTAS = new Set([
  "assistant_message.content_part.text_delta",
  "widget.streaming_text.value_delta",
]);

/** True for an event that carries the next piece of a text. */
export const isDelta = (event) => DELTAS.has(event?.update?.type);

/** An event's type; for thread.item.updated the update's, which says more. Null is a comment. */
export function typeOf(event) {
  if (event === null) return "comment";
  return event.update?.type ?? event.type ?? "(no type)";
}

/** How a row is coloured: thread, item, delta, aside, problem. */
export function kindOf({ event, delta }) {
  if (delta) return "delta";
  if (event === null) return "aside";
  if (event.type === "error" || event.type === "(not JSON)") return "problem";
  if (event.type?.startsWith("thread.item")) return "item";
  return event.type?.startsWith("thread.") ? "thread" : "aside";
}

/** What a row says about an event. */
export function summarize(event, raw = "") {
  if (event === null) return raw;
  const { update } = event;
  if (update) {
    if ("delta" in update) return JSON.stringify(update.delta);
    if (update.task)
      return `${update.task.title ?? update.task.type} · ${update.task.status_indicator}`;
    if (update.annotation) return update.annotation.source?.title ?? "source";
    if (update.content) return quote(update.content.text) || `part ${update.content_index}`;
    return event.item_id ?? "";
  }
  if (event.item) return `${event.item.type} · ${itemSummary(event.item)}`;
  if (event.thread) return [event.thread.title, event.thread.id].filter(Boolean).join(" · ");
  if (event.stream_options) return `allow_cancel: ${event.stream_options.allow_cancel}`;
  if (event.type === "client_effect") return `${event.name} ${JSON.stringify(event.data ?? {})}`;
  if (event.type === "error") {
    const retry = event.allow_retry ? "allowed" : "not allowed";
    return `${event.message ?? event.code} · retry ${retry}`;
  }
  return event.text ?? event.message ?? event.item_id ?? "";
}

/** What a row says about an item. */
export function itemSummary(item) {
  switch (item.type) {
    case "user_message":
    case "assistant_message":
      return quote((item.content ?? []).map((part) => part.text).join(" ")) || "empty";
    case "widget":
      return item.widget?.type ?? "";
    case "workflow":
      return `${item.workflow?.tasks?.length ?? 0} tasks`;
    case "client_tool_call":
      return `${item.name} · ${item.status}`;
    case "task":
      return item.task?.title ?? "";
    default:
      return item.id ?? "";
  }
}

const quote = (text) =>
  text ? JSON.stringify(text.length > 140 ? `${text.slice(0, 140)}…` : text) : "";
