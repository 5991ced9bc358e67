// The strip: one line for each event on an axis of time, above the phases of the request.
//
// Lines are placed in milliseconds; only the view box grows with time. So a new event adds one line
// and touches no other, and drawing does not disturb what is being measured.

import { duration } from "./measure.js";

const SVG = "http://www.w3.org/2000/svg";
export const SLOW = 100; // milliseconds: a gap that a reader begins to notice

export class Chart {
  #drawn = 0;
  #phases = {};

  constructor() {
    this.node = svg("svg", { class: "chart", viewBox: "0 0 1000 46", preserveAspectRatio: "none" });
    this.node.setAttribute("role", "img");
    this.ticks = svg("g", { class: "ticks" });
    for (const name of ["waiting", "thinking", "streaming"]) {
      this.#phases[name] = svg("rect", { class: name, x: 0, y: 38, width: 0, height: 8 });
    }
    this.node.append(...Object.values(this.#phases), this.ticks);
  }

  /** `window` is what to show, `{ from, to }`: like `now`, in milliseconds of the page's clock. */
  update({ start, frames, headersAt, endedAt }, figures, now, window) {
    const end = Math.max(endedAt ?? now - start, 1);
    const { from, to } = window ?? { from: start, to: start + end };
    this.node.setAttribute("viewBox", `${from - start} 0 ${to - from} 46`);
    const lines = document.createDocumentFragment();
    for (const frame of frames.slice(this.#drawn)) {
      const kind = frame.gap > SLOW ? "slow" : frame.delta ? "delta" : "event";
      const [y1, y2] = frame.delta ? [16, 34] : [4, 34];
      lines.append(svg("line", { class: kind, x1: frame.at, x2: frame.at, y1, y2 }));
    }
    this.ticks.append(lines);
    this.#drawn = frames.length;
    const begun = headersAt ?? end;
    const speaks = figures.firstToken ?? end;
    this.#place("waiting", 0, begun);
    this.#place("thinking", begun, speaks);
    this.#place("streaming", speaks, end);
    const counted = `${frames.length} events in ${duration(end)}`;
    const spoken = `first text after ${duration(figures.firstToken)}`;
    this.node.setAttribute("aria-label", `${counted}, ${spoken}`);
  }

  #place(name, from, to) {
    this.#phases[name].setAttribute("x", from);
    this.#phases[name].setAttribute("width", Math.max(0, to - from));
  }
}

function svg(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}
