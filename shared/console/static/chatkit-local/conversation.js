// One conversation: its state, and the requests that change it. No DOM.

import { ChatFailure } from "./client.js";
import { NEW_THREAD, reduce } from "./protocol.js";

const PAGE = 50;

export class Conversation {
  #client;
  #options;
  #emit;
  #changed;
  #turns = []; // those whose answers stream, oldest first: more than one only by interrupting
  #load = null; // what stands for the newest load of a thread
  #sent = 0; // messages so far

  /** `emit(name, detail)` sends an element event; `changed()` is called after every change. */
  constructor({ client, options, emit, changed }) {
    this.#client = client;
    this.#options = options;
    this.#emit = emit;
    this.#changed = changed;
    this.#reset();
  }

  /** True while an answer streams. */
  get busy() {
    return this.#turns.length > 0;
  }

  /** True when a message may be sent: between two turns, and in the middle of one if that is set. */
  get canSend() {
    const { composer = {} } = this.#options();
    return !this.busy || Boolean(composer.interrupt && this.state.id);
  }

  #reset() {
    this.state = NEW_THREAD;
    this.#turns = [];
    this.#load = null;
    this.loading = false;
    this.stopped = false;
    this.failure = null;
    this.earlier = null; // how to get the items before the first one shown
    this.cut = new Set(); // the ids of items behind which a newer message ended their turn
    this.feedback = new Map();
  }

  /** Show a thread, or with null the start of a new one. A turn that still streams is stopped. */
  async open(threadId) {
    const turns = this.#turns;
    this.stop();
    this.#reset();
    for (const _ of turns) this.#emit("response.end");
    if (threadId === null) {
      this.#changed();
      this.#emit("thread.change", { threadId: null });
      return;
    }
    this.loading = true;
    this.#changed();
    this.#emit("thread.change", { threadId });
    await this.#fetchThread(threadId);
  }

  /** Ask the server for the thread as it is now. */
  async refresh() {
    if (this.state.id && !this.busy) await this.#fetchThread(this.state.id);
  }

  async #fetchThread(threadId) {
    const token = (this.#load = Symbol(threadId));
    this.#emit("thread.load.start", { threadId });
    try {
      const thread = await this.#client.post("threads.get_by_id", { thread_id: threadId });
      // The thread brings its oldest items. Where there are more, the newest are wanted.
      let page = { items: thread.items.data, earlier: null };
      if (thread.items.has_more) page = await this.#newest(threadId, null);
      if (this.#load !== token) return;
      this.state = { ...reduce(NEW_THREAD, { type: "thread.updated", thread }), items: page.items };
      this.earlier = page.earlier;
      this.failure = null;
    } catch (error) {
      if (this.#load !== token) return;
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
    const { id } = this.state;
    try {
      const page = await this.#newest(id, this.earlier);
      if (this.state.id !== id) return; // another thread was opened meanwhile
      this.earlier = page.earlier;
      this.state = { ...this.state, items: [...page.items, ...this.state.items] };
      this.failure = null;
    } catch (error) {
      if (this.state.id === id) this.#fail(error, () => this.loadEarlier());
    }
    this.#changed();
  }

  /** Send a message. `input` is the protocol's: content, attachments, inference_options. */
  async send(input) {
    if (!this.canSend) this.#refuseWhileBusy();
    const local = {
      id: `local-${++this.#sent}`,
      local: true,
      type: "user_message",
      created_at: new Date().toISOString(),
      ...input,
    };
    const onItsWay = (item) => this.#turns.some((turn) => turn.local === item.id);
    const items = this.state.items.filter((item) => !item.local || onItsWay(item));
    this.state = { ...this.state, items: [...items, local] };
    const { id } = this.state;
    if (id) await this.#turn("threads.add_user_message", { thread_id: id, input }, local.id);
    else await this.#turn("threads.create", { input }, local.id);
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
    const { id } = this.state;
    if (!id) throw new Error("There is no thread yet: an action needs one.");
    const params = { thread_id: id, item_id: itemId, action: { type, payload } };
    if (streaming) {
      this.#refuseWhileBusy();
      return this.#turn("threads.custom_action", params);
    }
    try {
      const { updated_item: item } = await this.#client.post("threads.sync_custom_action", params);
      if (this.state.id !== id) return; // another thread was opened meanwhile
      if (item) this.state = reduce(this.state, { type: "thread.item.replaced", item });
      this.failure = null;
    } catch (error) {
      if (this.state.id === id) this.#fail(error, null);
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

  /** Stop reading, all answers that stream. The aborted requests are what tells the server. */
  stop() {
    for (const turn of this.#turns) turn.abort.abort();
  }

  /** One turn: a stream, and further ones as long as the server asks for client tools. */
  async #turn(type, params, local = null) {
    const state = { notices: [], error: null, progress: null };
    this.state = { ...this.state, ...state, ...(this.busy ? {} : { open: [] }) };
    const turn = { abort: new AbortController(), local, items: [], progress: null };
    this.#turns.push(turn);
    const interrupted = () => this.#turns.at(-1) !== turn;
    this.#load = null;
    this.loading = false;
    this.stopped = false;
    this.failure = null;
    this.#changed();
    this.#emit("response.start");
    try {
      let next = { type, params };
      while (next) {
        for await (const event of this.#client.stream(next.type, next.params, turn.abort.signal)) {
          if (!this.#turns.includes(turn)) return;
          this.#apply(event, turn);
        }
        next = await this.#clientTool(turn);
      }
      if (interrupted()) this.#noteCut(turn);
      else if (this.state.open.length && !this.state.error) {
        throw new ChatFailure(
          "The answer has no end",
          "The stream closed while an item was still open: no thread.item.done came for it.",
        );
      }
    } catch (error) {
      if (!this.#turns.includes(turn)) return;
      if (error.name === "AbortError") this.stopped = true;
      else this.#fail(error, interrupted() ? null : () => this.#again(type, params, local));
    } finally {
      if (this.#turns.includes(turn)) {
        this.#turns = this.#turns.filter((other) => other !== turn);
        const { progress } = this.state;
        this.state = { ...this.state, progress: progress === turn.progress ? null : progress };
        this.#changed();
        this.#emit("response.end");
      }
    }
  }

  /** A newer turn has begun, and this one has ended. If that was before its end, say so below it. */
  #noteCut({ items }) {
    const open = this.state.open.filter((id) => items.includes(id));
    const answers = this.state.items.filter(
      ({ id, type }) => items.includes(id) && type !== "user_message",
    );
    const last = open.at(-1) ?? (answers.length ? null : items.at(-1));
    if (last) this.cut.add(last);
    this.state = { ...this.state, open: this.state.open.filter((id) => !open.includes(id)) };
  }

  #refuseWhileBusy() {
    if (this.busy) throw new Error("The assistant is still answering. Stop it first.");
  }

  #apply(event, turn) {
    const before = this.state.id;
    const { item } = event;
    if (item) turn.items.push(item.id);
    if (item?.type === "user_message" && turn.local) {
      // With several on their way, the server's copy is that of this turn's message.
      const items = this.state.items.map((i) => (i.id === turn.local ? { ...i, id: item.id } : i));
      this.state = { ...this.state, items };
    }
    this.state = reduce(this.state, event);
    if (event.type === "progress_update") turn.progress = this.state.progress;
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
  async #clientTool({ items }) {
    const call = this.state.items.at(-1);
    if (call?.type !== "client_tool_call" || call.status !== "pending") return null;
    if (!items.includes(call.id)) return null; // another turn's
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
  async #again(type, params, local) {
    const unsent = this.state.items.some((item) => item.id === local);
    if (unsent) await this.#turn(type, params, local);
    else await this.retryLast();
  }

  async retryLast() {
    const last = this.state.items.findLast((item) => item.type === "user_message" && !item.local);
    if (last) await this.retry(last.id);
  }

  #fail(error, again) {
    const failure =
      error instanceof ChatFailure ? error : new ChatFailure("Something went wrong", error.message);
    const { title, message, status } = failure;
    this.failure = { title, message, status, again: null };
    if (failure.retry && again) this.failure.again = again;
    this.#emit("error", { error });
  }
}

const unnamed = ({ code }) =>
  `The turn failed on the server (${code}). Its terminal shows the traceback.`;
