// One strip for each request that streamed at the same time, on one axis of time.
//
// Most requests are alone. Where a message was sent in the middle of an answer, the strips show
// whether the server ended the old answer first, or let both run.

import { h } from "../chatkit-local/dom.js";
import { Chart } from "./chart.js";
import { measure } from "./measure.js";

export class Lanes {
  #exchange;
  #all;
  #strips = new Map(); // exchange -> { chart, node, key, figures }

  /** `all()` returns every request that is known. */
  constructor(exchange, all) {
    this.#exchange = exchange;
    this.#all = all;
    this.node = h("div.lanes", { role: "group", "aria-label": "In time" });
  }

  /** Draw up to now. Returns true while one of the requests still runs. */
  update(figuresOfOurs) {
    const group = this.#all().filter((other) => other === this.#exchange || this.#meets(other));
    const now = performance.now();
    const from = Math.min(...group.map(({ start }) => start));
    const to = Math.max(...group.map((exchange) => endOf(exchange, now)), from + 1);
    for (const exchange of group) {
      const strip = this.#strips.get(exchange) ?? this.#add(exchange);
      const own = exchange === this.#exchange;
      const figures = own ? figuresOfOurs : measured(strip, exchange);
      strip.chart.update(exchange, figures, now, { from, to });
    }
    this.node.classList.toggle("several", group.length > 1);
    return group.some(({ outcome }) => outcome === null);
  }

  #meets({ streams, start, endedAt }) {
    const ours = this.#exchange;
    const ends = (begun, lasted) => (lasted === null ? Infinity : begun + lasted);
    return (
      streams &&
      ours.streams &&
      start < ends(ours.start, ours.endedAt) &&
      ours.start < ends(start, endedAt)
    );
  }

  #add(exchange) {
    const chart = new Chart();
    const label = h("span.lane-label", {}, laneName(exchange));
    const node = h(
      exchange === this.#exchange ? "div.lane.own" : "div.lane",
      {},
      label,
      chart.node,
    );
    const strip = { chart, node };
    this.#strips.set(exchange, strip);
    const later = [...this.#strips].find(([other]) => other.number > exchange.number);
    this.node.insertBefore(node, later?.[1].node ?? null);
    return strip;
  }
}

const endOf = ({ start, endedAt }, now) => (endedAt === null ? now : start + endedAt);

/** Measured again when something has arrived. */
function measured(strip, exchange) {
  const key = `${exchange.headersAt} ${exchange.chunks} ${exchange.outcome}`;
  if (strip.key !== key) Object.assign(strip, { key, figures: measure(exchange) });
  return strip.figures;
}

/** What the person said, or else the name of the operation. */
function laneName({ body, operation }) {
  const input = JSON.parse(body ?? "{}").params?.input;
  return input?.content?.map(({ text }) => text).join(" ") || operation;
}
