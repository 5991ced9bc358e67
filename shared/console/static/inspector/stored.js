// The "Stored" view: what the server would say about this thread tomorrow.

import { h, parseTime } from "../chatkit-local/dom.js";
import { icon } from "../chatkit-local/icons.js";
import { Rows } from "./rows.js";
import { itemSummary } from "./summary.js";

const PAGE = 100;
const MOST = 2_000; // items: a longer thread is shown up to here

export class Stored {
  #endpoint;
  #fetch;
  #thread;
  #asked = 0;

  /** `fetch` carries who speaks; `thread()` is the id of the open thread, or null. */
  constructor({ endpoint, fetch, thread }) {
    this.#endpoint = endpoint;
    this.#fetch = fetch;
    this.#thread = thread;
    this.head = h("div.stored-head");
    this.rows = new Rows("Stored items");
    this.list = h("div.list", {}, this.rows.node);
    this.node = h("div.stored", {}, this.head, this.list);
    this.#say("No conversation is open.", "What the server keeps of one shows here.");
  }

  async refresh() {
    const id = this.#thread();
    const asked = ++this.#asked;
    if (!id)
      return this.#say("No conversation is open.", "What the server keeps of one shows here.");
    try {
      const thread = await this.#post("threads.get_by_id", { thread_id: id });
      const { items, pages } = await this.#items(id);
      if (asked === this.#asked) this.#show(thread, items, pages);
    } catch (error) {
      if (asked === this.#asked) this.#say("The server could not show it.", error.message);
    }
  }

  /** All pages, oldest first. */
  async #items(threadId) {
    const items = [];
    let after;
    let pages = 0;
    do {
      const params = {
        thread_id: threadId,
        limit: PAGE,
        order: "asc",
        ...(after ? { after } : {}),
      };
      const page = await this.#post("items.list", params);
      items.push(...page.data);
      after = page.has_more ? page.after : null;
      pages += 1;
    } while (after && items.length < MOST);
    return { items, pages };
  }

  async #post(type, params) {
    const headers = { "Content-Type": "application/json" };
    const body = JSON.stringify({ type, params });
    const response = await this.#fetch(this.#endpoint, { method: "POST", headers, body });
    if (!response.ok) throw new Error(`${type} was answered with HTTP ${response.status}.`);
    return response.json();
  }

  #show(thread, items, pages) {
    const { items: _, ...own } = thread;
    const status = own.status?.type ?? "active";
    const count = `${plural(items.length, "item")} in ${plural(pages, "page")}`;
    this.head.replaceChildren(
      h("div", {}, h("strong", {}, own.title || "Untitled"), h("code", {}, own.id)),
      h(
        "p.hint",
        {},
        `${count} · ${status}. Progress, notices, errors and hidden items are not among them.`,
      ),
    );
    const open = new Set(this.#open());
    this.rows.clear();
    this.rows.append(items.map((item, index) => row(item, index)));
    for (const index of open) this.rows.node.children[index]?.firstChild.click();
    this.list.hidden = false;
    this.head.classList.remove("nothing");
  }

  #open() {
    return [...this.rows.node.children].flatMap((item, index) => (item.children[1] ? [index] : []));
  }

  #say(title, hint) {
    this.rows.clear();
    this.list.hidden = true;
    this.head.classList.add("nothing");
    this.head.replaceChildren(icon("document", 26), h("p", {}, title), h("p.hint", {}, hint));
  }
}

const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

function row(item, index) {
  const time = parseTime(item.created_at).toLocaleTimeString();
  const kind = { user_message: "thread", assistant_message: "delta" }[item.type] ?? "item";
  const cells = [
    h("span.at", {}, String(index + 1)),
    h("span.gap", {}, time),
    h("span.type", {}, item.type),
    h("span.what", {}, itemSummary(item)),
  ];
  return { kind, cells, value: item };
}
