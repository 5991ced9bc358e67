// One question, asked twice at the same moment: one answer streams, the other is sent when whole.

import { Client } from "../chatkit-local/client.js";
import { h } from "../chatkit-local/dom.js";
import { Chart } from "../inspector/chart.js";
import { duration, measure } from "../inspector/measure.js";
import { Recorder } from "../inspector/recorder.js";
import { isDelta } from "../inspector/summary.js";
import { SignIn } from "../sign-in.js";

const WORDS_A_SECOND = 4; // that a person reads: 240 a minute
const DRAW_EVERY = 100; // milliseconds: a page that draws cannot read
const FIGURES = [
  ["First word", (figures) => milliseconds(figures.firstToken)],
  ["Whole answer", (figures) => milliseconds(figures.total)],
  ["Gap p50 / p95", ({ gapHalf, gapMost }) => `${rounded(gapHalf)} / ${milliseconds(gapMost)}`],
];

const byId = (id) => document.getElementById(id);
const { endpoint, buffered, issuer } = await (await fetch("console/config.json")).json();
const plain = fetch.bind(globalThis);
const asUser = issuer ? new SignIn(issuer).wrap(plain) : plain; // signed in on the console's page

/** One of the two ways: its request, its answer, its time line. */
class Side {
  constructor(name, url) {
    this.name = name;
    this.chart = new Chart();
    this.figures = FIGURES.map(([, value]) => [h("dd", {}, "–"), value]);
    this.answer = h("div.answer", { tabindex: "0", role: "region", "aria-label": `${name} answer` });
    this.problem = h("p.problem", { role: "alert", hidden: true });
    const figures = FIGURES.map(([label], index) =>
      h("div", {}, h("dt", {}, label), this.figures[index][0]),
    );
    this.node = h(
      "section.side",
      { "aria-labelledby": `${name}-title` },
      h("h2", { id: `${name}-title` }, name, h("code", {}, `POST ${url}`)),
      h("dl.figures", {}, figures),
      this.chart.node,
      this.answer,
      this.problem,
    );
    const recorder = new Recorder();
    recorder.addEventListener("start", ({ detail }) => (this.exchange = detail));
    const chatFetch = recorder.wrap(asUser);
    this.client = new Client(() => ({ api: { url, fetch: chatFetch } }));
  }

  /** Ask, and show the answer as it comes. Returns the words, or null where that failed. */
  async ask(input, signal) {
    this.thread = null;
    this.text = "";
    try {
      for await (const event of this.client.stream("threads.create", { input }, signal)) {
        if (event.type === "thread.created") this.thread = event.thread.id;
        if (event.type === "error") throw new Error(event.message ?? "The server reports an error.");
        if (isDelta(event)) this.text += event.update.delta;
      }
      return this.text.trim() ? this.text.trim().split(/\s+/) : null;
    } catch (error) {
      if (error.name !== "AbortError") {
        this.problem.textContent = [error.title, error.message].filter(Boolean).join(". ");
        this.problem.hidden = false;
      }
      return null;
    }
  }

  /** Draw what has arrived, on an axis of time that both sides share. */
  draw(window) {
    const measured = measure(this.exchange);
    this.chart.update(this.exchange, measured, performance.now(), window);
    for (const [node, value] of this.figures) node.textContent = value(measured);
    if (this.answer.textContent !== this.text) this.answer.textContent = this.text;
    return measured;
  }
}

const milliseconds = (value) => (value === null ? "–" : `${rounded(value)} ms`);
const rounded = (value) => (value === null ? "–" : Math.round(value).toLocaleString("en"));

let running = null; // the AbortController of what runs

async function run(question) {
  running = new AbortController();
  const sides = [new Side("Streamed", endpoint), new Side("Buffered", buffered)];
  byId("sides").replaceChildren(...sides.map(({ node }) => node));
  byId("run").textContent = "Stop";
  byId("result").textContent = "Asking both …";
  const input = {
    content: [{ type: "input_text", text: question }],
    attachments: [],
    inference_options: {},
  };
  const asked = sides.map((side) => side.ask(input, running.signal));
  const draw = () => {
    const exchanges = sides.map(({ exchange }) => exchange);
    const ends = exchanges.map(({ start, endedAt }) =>
      endedAt === null ? performance.now() : start + endedAt,
    );
    const window = {
      from: Math.min(...exchanges.map(({ start }) => start)),
      to: Math.max(...ends),
    };
    return sides.map((side) => side.draw(window));
  };
  const timer = setInterval(draw, DRAW_EVERY);
  const [words, same] = await Promise.all(asked);
  clearInterval(timer);
  const stopped = running.signal.aborted;
  byId("result").textContent =
    words && same ? summary(words, sides, draw()) : stopped ? "Stopped." : "";
  byId("run").textContent = "Ask both";
  running = null;
  for (const { client, thread } of sides) {
    // Only tidies up: a server without this operation keeps the thread, and nothing is wrong.
    if (thread) client.post("threads.delete", { thread_id: thread }).catch(() => {});
  }
}

/** What the difference comes to for a person. */
function summary(words, [streamed], [early, late]) {
  const had = streamed.exchange.frames.filter(({ delta, at }) => delta && at <= late.firstToken);
  const reading = ((late.firstToken - early.firstToken) / 1000) * WORDS_A_SECOND;
  const read = Math.max(0, Math.min(had.length, Math.round(reading)));
  return (
    `Streamed, the first word came ${duration(late.firstToken - early.firstToken)} earlier. ` +
    `When the buffered answer came, ${had.length} of ${words.length} words were on the page ` +
    `already, and somebody who reads ${WORDS_A_SECOND} words a second had read ${read} of them.`
  );
}

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (running) running.abort();
  else run(byId("question").value.trim());
});
byId("run").disabled = false; // a form that is sent before this would leave the page
