// One conversation: its state, and the requests that change it. No DOM.

import { ChatFailure } from "./client.js";
import { NEW_THREAD, reduce } from "./protocol.js";

const PAGE = 50;

export class Conversation {
  #client;
  #options;
  #emit;
  #changed;
  #abort = null;

  /** `emit(name, detail)` sends an element event; `changed()` is called after every change. */
  constructor({ client, options, emit, changed }) {
    this.#client = client;
    this.#options = options;
    this.#emit = emit;
    this.#changed = changed;
    this.#reset();
  }

  #reset() {
    this.state = NEW_THREAD;
    this.busy = false;
    this.loading = false;
    this.stopped = false;
    this.failure = null;
    this.earlier = null; // how to get the items before the first one shown
    this.feedback = new Map();
  }

  /** Show a thread, or with null the start of a new one. A turn that still streams is stopped. */
  async open(threadId) {
    if (this.busy) {
      this.stop();
      this.#emit("response.end");
    }
    this.#abort = null;
    this.#reset();
    if (threadId === null) {
      this.#changed();
      this.#emit("thread.change", { threadId: null });
      return;
    }
    this.loading = true;
    this.#changed();
    this.#emit("thread.change", { threadId });
    await this.#load(threadId);
  }

  /** Ask the server for the thread as it is now. */
  async refresh() {
    if (this.state.id && !this.busy) await this.#load(this.state.id);
  }

  async #load(threadId) {
    const token = (this.#abort = new AbortController());
    this.#emit("thread.load.start", { threadId });
    try {
      const thread = await this.#client.post("threads.get_by_id", { thread_id: threadId });
      // The thread brings its oldest items. Where there are more, the newest are wanted.
      let page = { items: thread.items.data, earlier: null };
      if (thread.items.has_more) page = await this.#newest(threadId, null);
      if (this.#abort !== token) return;
      this.state = { ...reduce(NEW_THREAD, { type: "thread.updated", thread }), items: page.items };
      this.earlier = page.earlier;
      this.failure = null;
    } catch (error) {
      if (this.#abort !== token) return;
      this.#fail(error, () => this.open(threadId));
    }
    this.loading = false;
    this.#changed();
    this.#emit("thread.load.end", { threadId });
  }

  /** A page of items that ends before `after`. Hidden items can leave a page empty: go on then. */
  async #newest(threadId, after) {
    const params = { thread_id: threadId, limit: PAGE, order: "desc" };
    for (;;) {
      const page = await this.#client.post("items.list", after ? { ...params, after } : params);
      after = page.after;
      const more = page.has_more && after;
      if (page.data.length || !more) {
        return { items: page.data.reverse(), earlier: more ? after : null };
      }
    }
  }

  async loadEarlier() {
    const page = await this.#newest(this.state.id, this.earlier);
    this.earlier = page.earlier;
    this.state = { ...this.state, items: [...page.items, ...this.state.items] };
    this.#changed();
  }

  /** Send a message. `input` is the protocol's: content, attachments, inference_options. */
  async send(input) {
    this.#refuseWhileBusy();
    const local = {
      id: `local-${Date.now()}`,
      local: true,
      type: "user_message",
      created_at: new Date().toISOString(),
      ...input,
    };
    this.state = { ...this.state, items: [...this.state.items.filter((i) => !i.local), local] };
    const { id } = this.state;
    if (id) await this.#turn("threads.add_user_message", { thread_id: id, input });
    else await this.#turn("threads.create", { input });
  }

  /** Answer a user's message anew. The server deletes what followed, and sends no word of it. */
  async retry(itemId) {
    this.#refuseWhileBusy();
    const index = this.state.items.findIndex((item) => item.id === itemId);
    this.state = { ...this.state, items: this.state.items.slice(0, index + 1) };
    await this.#turn("threads.retry_after_item", { thread_id: this.state.id, item_id: itemId });
  }

  /** Send an action, as a widget's button does. */
  async act({ type, payload = {}, streaming = true }, itemId) {
    if (!this.state.id) throw new Error("There is no thread yet: an action needs one.");
    const params = { thread_id: this.state.id, item_id: itemId, action: { type, payload } };
    if (streaming) return this.#turn("threads.custom_action", params);
    try {
      const answer = await this.#client.post("threads.sync_custom_action", params);
      const item = answer.updated_item;
      if (item) this.state = reduce(this.state, { type: "thread.item.replaced", item });
    } catch (error) {
      this.#fail(error, null);
    }
    this.#changed();
  }

  /** The thread was renamed elsewhere on the page. */
  rename(thread) {
    if (thread.id !== this.state.id) return;
    this.state = reduce(this.state, { type: "thread.updated", thread });
    this.#changed();
  }

  async rate(itemId, kind) {
    this.feedback.set(itemId, kind);
    this.#changed();
    try {
      const params = { thread_id: this.state.id, item_ids: [itemId], kind };
      await this.#client.post("items.feedback", params);
    } catch (error) {
      this.feedback.delete(itemId);
      this.#fail(error, null);
      this.#changed();
    }
  }

  /** Stop reading. The aborted request is what tells the server. */
  stop() {
    if (this.busy) this.#abort?.abort();
  }

  /** One turn: a stream, and further ones as long as the server asks for client tools. */
  async #turn(type, params) {
    this.#refuseWhileBusy();
    const token = (this.#abort = new AbortController());
    this.busy = true;
    this.stopped = false;
    this.failure = null;
    this.state = { ...this.state, notices: [], error: null, progress: null, open: [] };
    this.#changed();
    this.#emit("response.start");
    try {
      let next = { type, params };
      while (next) {
        for await (const event of this.#client.stream(next.type, next.params, token.signal)) {
          if (this.#abort !== token) return;
          this.#apply(event);
        }
        next = await this.#clientTool();
      }
      if (this.state.open.length && !this.state.error) {
        throw new ChatFailure(
          "The answer has no end",
          "The stream closed while an item was still open: no thread.item.done came for it.",
        );
      }
    } catch (error) {
      if (this.#abort !== token) return;
      if (error.name === "AbortError") this.stopped = true;
      else this.#fail(error, () => this.#again(type, params));
    } finally {
      if (this.#abort === token) {
        this.busy = false;
        this.state = { ...this.state, progress: null };
        this.#changed();
        this.#emit("response.end");
      }
    }
  }

  #refuseWhileBusy() {
    if (this.busy) throw new Error("The assistant is still answering. Stop it first.");
  }

  #apply(event) {
    const before = this.state.id;
    this.state = reduce(this.state, event);
    if (this.state.id !== before) this.#emit("thread.change", { threadId: this.state.id });
    if (event.type === "client_effect") {
      this.#emit("effect", { name: event.name, data: event.data });
    }
    if (event.type === "error") {
      const { message, allow_retry: retry } = event;
      this.#fail(
        new ChatFailure("The server reports an error", message ?? unnamed(event), { retry }),
        () => this.retryLast(),
      );
    }
    this.#changed();
  }

  /** Where the turn ended on a call for this page, do it and return the request that carries on. */
  async #clientTool() {
    const call = this.state.items.at(-1);
    if (call?.type !== "client_tool_call" || call.status !== "pending") return null;
    const { onClientTool } = this.#options();
    if (!onClientTool) {
      throw new ChatFailure(
        "The page has no such tool",
        `The server asked for the client tool “${call.name}”. Set the option onClientTool.`,
      );
    }
    const result = await onClientTool({ name: call.name, params: call.arguments });
    const item = { ...call, status: "completed", output: result };
    this.state = reduce(this.state, { type: "thread.item.done", item });
    this.#changed();
    return {
      type: "threads.add_client_tool_output",
      params: { thread_id: this.state.id, result },
    };
  }

  /** Try again after a failure: the message, where the server never took it; else the answer. */
  async #again(type, params) {
    const unsent = this.state.items.some((item) => item.local);
    if (unsent) await this.#turn(type, params);
    else await this.retryLast();
  }

  async retryLast() {
    const last = this.state.items.findLast((item) => item.type === "user_message" && !item.local);
    if (last) await this.retry(last.id);
  }

  #fail(error, again) {
    const failure =
      error instanceof ChatFailure ? error : new ChatFailure("Something went wrong", error.message);
    this.failure = { title: failure.title, message: failure.message, again: null };
    if (failure.retry && again) this.failure.again = again;
    this.#emit("error", { error });
  }
}

const unnamed = ({ code }) =>
  `The turn failed on the server (${code}). Its terminal shows the traceback.`;
