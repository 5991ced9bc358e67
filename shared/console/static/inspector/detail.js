// One request in detail: its figures, strip, body and events.

import { copyButton, h } from "../chatkit-local/dom.js";
import { icon } from "../chatkit-local/icons.js";
import { SLOW } from "./chart.js";
import { jsonView } from "./json.js";
import { Lanes } from "./lanes.js";
import { duration, measure, size } from "./measure.js";
import { asCurl, TOKEN } from "./recorder.js";
import { Rows } from "./rows.js";
import { kindOf, summarize } from "./summary.js";

const WIDEST = 500; // milliseconds: the gap whose bar fills its column

// Name, phase of the strip that it is the measure of, explanation, value.
const FIGURES = [
  ["First byte", "waiting", "until the response's headers", (f) => duration(f.firstByte)],
  ["First event", "", "until the first whole frame", (f) => duration(f.firstEvent)],
  ["First token", "thinking", "until the first piece of text", (f) => duration(f.firstToken)],
  ["Gap p50 / p95", "", "between two pieces of text", (f) => gaps(f)],
  [
    "Tokens / s",
    "streaming",
    "pieces of text a second",
    (f) => (f.rate === null ? "–" : f.rate.toFixed(f.rate < 10 ? 1 : 0)),
  ],
  ["Total", "", "until the end of the body", (f) => duration(f.total)],
  [
    "Bytes / chunks",
    "",
    "of the body; a chunk may hold many events",
    (f) => `${size(f.bytes)} / ${f.chunks}`,
  ],
];

function gaps({ gapHalf, gapMost }) {
  if (gapHalf === null) return "–";
  const [half, most] = [duration(gapHalf), duration(gapMost)];
  const sameUnit = half.endsWith(" ms") && most.endsWith(" ms");
  return `${sameUnit ? half.slice(0, -3) : half} / ${most}`;
}

/** `update()` adds what is new and leaves alone what is there: drawing must not slow the stream. */
export class Detail {
  #exchange;
  #settings;
  #lanes;
  #rows = new Rows("Events");
  #figures;
  #following = true;
  #last = {};

  /** `all()` returns every request: those of the same time are shown above this one's events. */
  constructor(exchange, settings, all) {
    this.#exchange = exchange;
    this.#settings = settings;
    this.#lanes = new Lanes(exchange, all);
    this.#figures = FIGURES.map(([, , , value]) => [h("dd", {}, "–"), value]);
    this.problem = h("p.problem", { hidden: true });
    this.response = h("div");
    this.list = h(
      "div.list",
      {},
      h("details.request", {}, h("summary", {}, this.#line()), this.#request()),
      this.#rows.node,
      this.response,
      this.problem,
    );
    this.list.addEventListener("scroll", () => {
      const { scrollHeight, scrollTop, clientHeight } = this.list;
      this.#following = scrollHeight - scrollTop - clientHeight < 40;
    });
    const figures = FIGURES.map(([name, phase, title], index) =>
      h(phase ? `div.${phase}` : "div", { title }, h("dt", {}, name), this.#figures[index][0]),
    );
    this.node = h(
      "div.detail",
      {},
      h("dl.figures", {}, figures),
      this.#lanes.node,
      this.#tools(),
      this.list,
    );
    this.#applySettings();
  }

  #line() {
    const { method, url, operation } = this.#exchange;
    return [h("b", {}, `${method} ${new URL(url).pathname}`), ` ${operation}`];
  }

  #request() {
    const { headers, body } = this.#exchange;
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    const view = body === null ? null : jsonView(parsed(body), "Request body");
    return h(
      "div",
      {},
      h("pre.json", { tabindex: "0", "aria-label": "Headers" }, lines.join("\n")),
      headers.authorization && h("p.hint", {}, `${TOKEN} stands for the token, here and in curl.`),
      view,
    );
  }

  #tools() {
    const curl = h("button.tool", { type: "button" }, icon("copy", 14), "Copy as curl");
    copyButton(
      curl,
      () => asCurl(this.#exchange),
      () => [
        icon("check", 14),
        this.#exchange.headers.authorization ? "Copied: set TOKEN first" : "Copied",
      ],
    );
    return h(
      "div.tools",
      {},
      this.#checkbox("Hide deltas", "hideDeltas"),
      this.#checkbox("Raw frames", "raw"),
      h("span.seen", {}, "as seen by this page"),
      curl,
    );
  }

  #checkbox(label, name) {
    const change = ({ target }) => {
      this.#settings[name] = target.checked;
      this.#applySettings();
    };
    const input = h("input", { type: "checkbox", checked: this.#settings[name], onchange: change });
    return h("label", {}, input, label);
  }

  #applySettings() {
    this.#rows.node.classList.toggle("hide-deltas", this.#settings.hideDeltas);
    this.#rows.node.classList.toggle("raw", this.#settings.raw);
    this.#rows.clear();
    this.update();
  }

  /** Measured again when something has arrived, not with each picture that is drawn. */
  #measured(exchange) {
    const key = `${exchange.headersAt} ${exchange.chunks} ${exchange.outcome}`;
    if (this.#last.key !== key) this.#last = { key, figures: measure(exchange) };
    return this.#last.figures;
  }

  update() {
    const exchange = this.#exchange;
    const figures = this.#measured(exchange);
    this.#figures.forEach(([node, value]) => {
      const text = value(figures);
      if (node.textContent !== text) node.textContent = text;
    });
    this.moves = this.#lanes.update(figures); // then the axis of time moves on by itself
    const news = exchange.frames.slice(this.#rows.length);
    if (news.length) {
      this.#rows.append(news.map((frame) => row(frame, this.#settings.raw)));
      if (this.#following && !exchange.outcome) this.list.scrollTop = this.list.scrollHeight;
    }
    if (!exchange.outcome) return;
    if (!exchange.streams && !this.response.firstChild) {
      const { challenge, text } = exchange;
      if (challenge) {
        this.response.append(jsonView(`www-authenticate: ${challenge}`, "Response header"));
      }
      if (text) this.response.append(jsonView(parsed(text), "Response body"));
    }
    this.problem.hidden = exchange.outcome === "done";
    this.problem.textContent = PROBLEMS[exchange.outcome] ?? "";
  }
}

const PROBLEMS = {
  stopped: "This page stopped reading here: it aborted the request.",
  failed: "No answer came. Is the server running?",
  broken: "The connection broke here, before the body had ended.",
};

function row(frame, raw) {
  const { at, gap, event, type } = frame;
  const bar = h("span.gap-bar");
  bar.style.width = `${Math.min(100, Math.max(2, (gap / WIDEST) * 100))}%`;
  const [head, tail] = split(type);
  const cells = [
    h("span.at", {}, `+${Math.round(at)}`),
    h(
      gap > SLOW ? "span.gap.slow" : "span.gap",
      {},
      h("span.gap-track", {}, bar),
      gap.toFixed(gap < 10 ? 1 : 0),
    ),
    raw ? null : h("span.type", { title: type }, head && h("i", {}, head), tail),
    h("span.what", {}, raw ? frame.raw : summarize(event, frame.raw)),
  ];
  return { kind: kindOf(frame), cells, value: event ?? frame.raw };
}

/** "assistant_message.content_part.text_delta" is long: its last part matters most. */
function split(type) {
  const short = type.replace(/^assistant_message\.(content_part\.(?=text_delta))?/, "");
  return [short === type ? "" : "… ", short];
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
