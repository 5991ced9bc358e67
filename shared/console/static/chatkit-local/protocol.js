// The wire: server-sent events in, the state of a thread out. No DOM, no network.

/** Cuts text, as it arrives, into server-sent event frames. */
export class FrameParser {
  #rest = "";

  /** Takes a piece of text of any length; returns the frames it completes: { raw, data }. */
  push(text) {
    const pieces = (this.#rest + text).split(/\r?\n\r?\n/);
    this.#rest = pieces.pop();
    return pieces.filter((raw) => raw.trim()).map((raw) => ({ raw, data: dataOf(raw) }));
  }

  /** Text after the last whole frame. Not empty at the end means that the stream was cut. */
  get rest() {
    return this.#rest.trim();
  }
}

/** The frame's data, or null for a comment such as a heartbeat. */
function dataOf(raw) {
  const lines = raw.split(/\r?\n/).filter((line) => line.startsWith("data:"));
  return lines.length ? lines.map((line) => line.slice(5).replace(/^ /, "")).join("\n") : null;
}

/** Yields the events of a response body. Throws where the stream is cut inside a frame. */
export async function* readEvents(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new FrameParser();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    for (const frame of parser.push(value)) {
      if (frame.data !== null) yield JSON.parse(frame.data);
    }
  }
  if (parser.rest) throw new TypeError("The stream ended inside a frame.");
}

/** A conversation that has not begun. `open`: the ids of items that are still being written. */
export const NEW_THREAD = Object.freeze({
  id: null,
  title: null,
  status: { type: "active" },
  items: [],
  open: [],
  progress: null,
  notices: [],
  error: null,
  allowCancel: true,
});

/** The next state. Pure: items that did not change stay the same objects. */
export function reduce(state, event) {
  switch (event.type) {
    case "thread.created":
    case "thread.updated": {
      // Such a thread carries an empty page of items, whatever it holds. Take the rest only.
      const { id, title = null, status = NEW_THREAD.status } = event.thread;
      return { ...state, id, title, status };
    }
    case "stream_options":
      return { ...state, allowCancel: event.stream_options.allow_cancel };
    case "thread.item.added":
      return { ...put(state, event.item), open: [...state.open, event.item.id] };
    case "thread.item.done": // often comes without an "added" before it
    case "thread.item.replaced":
      return close(put(state, event.item), event.item.id);
    case "thread.item.removed":
      return close(without(state, event.item_id), event.item_id);
    case "thread.item.updated":
      return {
        ...state,
        progress: null,
        items: state.items.map((item) =>
          item.id === event.item_id ? updateItem(item, event.update) : item,
        ),
      };
    case "progress_update":
      return { ...state, progress: { icon: event.icon, text: event.text } };
    case "notice":
      return { ...state, notices: [...state.notices, event] };
    case "error":
      return { ...state, progress: null, error: event };
    default:
      return state;
  }
}

function put(state, item) {
  let at = state.items.findIndex((other) => other.id === item.id);
  // The server's own copy of a message takes the place of the one shown before it answered.
  if (at < 0 && item.type === "user_message") at = state.items.findIndex((other) => other.local);
  return {
    ...state,
    progress: item.type === "user_message" ? state.progress : null,
    items: at < 0 ? [...state.items, item] : withAt(state.items, at, item),
  };
}

const without = (state, id) => ({ ...state, items: state.items.filter((item) => item.id !== id) });
const close = (state, id) => ({ ...state, open: state.open.filter((other) => other !== id) });

function updateItem(item, update) {
  const at = update.content_index;
  const part = item.content?.[at] ?? { type: "output_text", text: "", annotations: [] };
  switch (update.type) {
    case "assistant_message.content_part.added":
    case "assistant_message.content_part.done":
      return { ...item, content: withAt(item.content, at, update.content) };
    case "assistant_message.content_part.text_delta": {
      const longer = { ...part, text: part.text + update.delta };
      return { ...item, content: withAt(item.content, at, longer) };
    }
    case "assistant_message.content_part.annotation_added": {
      const annotations = [...(part.annotations ?? [])];
      annotations.splice(update.annotation_index, 0, update.annotation);
      return { ...item, content: withAt(item.content, at, { ...part, annotations }) };
    }
    case "workflow.task.added":
    case "workflow.task.updated": {
      const tasks = withAt(item.workflow.tasks, update.task_index, update.task);
      return { ...item, workflow: { ...item.workflow, tasks } };
    }
    case "widget.root.updated":
      return { ...item, widget: update.widget };
    case "widget.component.updated":
      return { ...item, widget: swap(item.widget, update.component_id, () => update.component) };
    case "widget.streaming_text.value_delta": {
      const longer = (text) => ({ ...text, value: (text.value ?? "") + update.delta });
      return { ...item, widget: swap(item.widget, update.component_id, longer) };
    }
    case "generated_image.updated":
      return { ...item, image: update.image, progress: update.progress };
    default:
      return item;
  }
}

function withAt(list = [], index, value) {
  const copy = [...list];
  copy[index] = value;
  return copy;
}

/** A copy of a widget tree in which the component with this id is replaced. */
function swap(node, id, change) {
  if (node === null || typeof node !== "object") return node;
  if (node.id === id) return change(node);
  if (!node.children) return node;
  const children = Array.isArray(node.children)
    ? node.children.map((child) => swap(child, id, change))
    : swap(node.children, id, change);
  return { ...node, children };
}

/** The text of a message, for copying and for a list of threads. */
export function plainText(item) {
  return (item.content ?? []).map((part) => part.text ?? "").join("\n\n");
}
