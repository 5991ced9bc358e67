// The lanes: what a person sees, what goes over the wire, what the server holds.

import { h } from "../chatkit-local/dom.js";
import { Transcript } from "../chatkit-local/transcript.js";
import { jsonView } from "../inspector/json.js";

function lane(name, title, ...body) {
  return h("section.lane", { "aria-label": title }, h("h2", {}, title), h(`div.${name}`, {}, body));
}

/** A person's page: the chat element's own transcript, fed with a state instead of a server. */
export class Chat {
  #conversation = { loading: false, earlier: null, failure: null, stopped: false };

  constructor(person) {
    const options = () => ({ startScreen: { greeting: "Nothing has been said." } });
    this.transcript = new Transcript(this.#conversation, { options, feedback: () => new Map() });
    this.transcript.scroller.setAttribute("aria-label", `Conversation of ${person}`);
    const host = h("div.host");
    const root = host.attachShadow({ mode: "open" });
    for (const file of ["../chatkit-local/element.css", "./lane.css"]) {
      root.append(h("link", { rel: "stylesheet", href: new URL(file, import.meta.url) }));
    }
    root.append(this.transcript.node);
    this.node = lane("page-of", `What ${person} sees`, host);
    this.node.classList.add(person);
  }

  render(view) {
    Object.assign(this.#conversation, view);
    this.transcript.render();
    this.transcript.follow();
  }
}

/** The wire: each step so far, the newest marked, and its JSON below. */
export class Wire {
  #steps = null;
  #rows = [];
  #go;

  constructor(go) {
    this.#go = go;
    this.list = h("ol.events", { "aria-label": "Events" });
    this.scroller = h("div.scroller", {}, this.list);
    this.detail = h("details.detail", {}, h("summary", {}, "This step as JSON"));
    this.node = lane("wire", "The wire", this.scroller, this.detail);
  }

  render(steps, index, { cut }) {
    if (this.#steps !== steps) this.#build(steps);
    this.#rows.forEach((row, number) => {
      row.hidden = number >= index;
      const button = row.firstChild;
      const current = number === index - 1;
      if (current) button.setAttribute("aria-current", "step");
      else button.removeAttribute("aria-current");
      button.tabIndex = current ? 0 : -1;
    });
    this.cut.hidden = !cut;
    this.detail.querySelector("pre")?.remove();
    this.detail.append(jsonView(steps[index - 1]?.value ?? "Nothing is sent at this step."));
    this.follow();
  }

  /** Show the newest step. */
  follow() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  #build(steps) {
    this.#steps = steps;
    this.#rows = steps.map((step, number) => {
      const time = step.at === undefined ? `${number + 1}.` : `${(step.at / 1000).toFixed(3)}`;
      const way = step.out ? ["→", "to the server"] : ["←", "from the server"];
      const button = h(
        "button.event",
        { type: "button" },
        h("span.time", {}, time),
        h("span.way", { title: way[1] }, way[0]),
        h("span.who", {}, step.nameless ? "?" : step.person),
        h("span.type", {}, step.type),
        h("span.what", {}, step.what),
      );
      button.addEventListener("click", () => this.#go(number + 1));
      return h(`li.${step.kind}${step.nameless ? "" : `.${step.person}`}`, {}, button);
    });
    this.cut = h("li.gone", { hidden: true }, "The server is gone, and with it every open stream.");
    this.list.replaceChildren(...this.#rows, this.cut);
  }
}

/** The store, row by row, and below it what is only on its way. */
export class Store {
  constructor() {
    this.body = h("div.scroller", { tabindex: "0", role: "group", "aria-label": "Rows" });
    this.open = h("div.open", {});
    this.node = lane("store", "What the server holds", this.body, this.open);
  }

  render({ rows, held, fresh, open }, note) {
    const groups = new Map();
    for (const id of held) {
      const { person, table } = rows[id];
      const key = table === "tasks" ? "tasks" : person;
      if (!groups.has(key)) groups.set(key, []);
      if (table === "threads") groups.get(key).thread = id;
      else groups.get(key).push(id);
    }
    const tasks = groups.get("tasks");
    groups.delete("tasks"); // last, so that the threads keep their places
    if (tasks) groups.set("tasks", tasks);
    const isNew = (id) => (fresh.includes(id) ? h("span.tag.new", {}, "new") : null);
    const parts = [...groups].map(([key, ids]) => {
      const title = ids.thread
        ? h("h3", {}, h("code", {}, ids.thread), ` thread of ${key} `, isNew(ids.thread))
        : h("h3", {}, "Tasks, the tool’s own table");
      const entries = ids.map((id) => entry(id, rows[id], isNew(id)));
      return h("div.group", {}, title, h("ul", {}, entries));
    });
    if (!held.length) parts.push(h("p.nothing", {}, "Nothing."));
    if (note) parts.push(h("p.hint", {}, note));
    this.body.replaceChildren(...parts);
    this.body.querySelector(".new")?.scrollIntoView({ block: "nearest" });
    this.#renderOpen(open);
  }

  #renderOpen(open) {
    this.open.hidden = !open.length;
    const entries = open.map(({ id, person, type, text }) => {
      const words = text.trim() ? text.trim().split(/\s+/).length : 0;
      const said = words ? `${words} ${words === 1 ? "word" : "words"} so far` : "empty so far";
      const parts = [h("code", {}, id), h("span.kind", {}, type), h("span.text", {}, said)];
      return h(`li.${person}`, {}, parts);
    });
    this.open.replaceChildren(h("h3", {}, "On its way, not stored"), h("ul", {}, entries));
  }
}

function entry(id, { type, text, table, person }, tag) {
  const task = table === "tasks";
  return h(
    `li.${person}`,
    {},
    task ? null : h("code", {}, id),
    h("span.kind", {}, task ? id : type),
    type === "sdk_hidden_context" ? h("span.tag", {}, "hidden") : null,
    tag,
    h("span.text", {}, text),
  );
}
