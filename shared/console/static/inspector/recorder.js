// A fetch that keeps a record of each request. It wraps any fetch and changes nothing of what it
// returns: the body is split in two (`tee`), one for the caller and one to look at.

import { FrameParser } from "../chatkit-local/protocol.js";
import { isDelta, typeOf } from "./summary.js";

export const TOKEN = "$TOKEN"; // stands for a token; a shell puts in the variable's value
const KEPT = 60; // requests

/** Sends "start", "progress" and "end" with the exchange as detail, and "clear". */
export class Recorder extends EventTarget {
  exchanges = [];
  #count = 0;

  wrap(inner) {
    return async (input, init = {}) => {
      const exchange = this.#begin(input, init);
      let response;
      try {
        response = await inner(input, init);
      } catch (error) {
        this.#end(exchange, error.name === "AbortError" ? "stopped" : "failed", String(error));
        throw error;
      }
      exchange.status = response.status;
      exchange.headersAt = performance.now() - exchange.start;
      exchange.challenge = response.headers.get("www-authenticate");
      exchange.responseType = response.headers.get("content-type") ?? "";
      exchange.streams = exchange.responseType.startsWith("text/event-stream");
      this.#tell("progress", exchange);
      if (!response.body) {
        this.#end(exchange, "done");
        return response;
      }
      const [forCaller, forUs] = response.body.tee();
      this.#watch(exchange, forUs);
      const { status, statusText, headers } = response;
      return new Response(forCaller, { status, statusText, headers });
    };
  }

  clear() {
    this.exchanges = [];
    this.dispatchEvent(new Event("clear"));
  }

  #begin(input, init) {
    const body = typeof init.body === "string" ? init.body : null;
    const exchange = {
      number: ++this.#count,
      url: new URL(input.url ?? input, document.baseURI).href,
      method: init.method ?? "GET",
      headers: withoutToken(new Headers(init.headers)),
      body,
      operation: operationOf(body),
      start: performance.now(),
      status: null,
      headersAt: null,
      challenge: null, // what the server said of who must sign in, and why
      frames: [], // { at, gap, raw, event, type, delta }, in milliseconds since the start
      text: "", // the body where it is no stream
      chunks: 0,
      bytes: 0,
      endedAt: null,
      outcome: null, // "done", "stopped", "failed" (no answer) or "broken" (cut in the middle)
      problem: null,
    };
    this.exchanges = [...this.exchanges, exchange].slice(-KEPT);
    this.#tell("start", exchange);
    return exchange;
  }

  async #watch(exchange, body) {
    const reader = body.getReader();
    const decoder = new TextDecoder();
    const parser = new FrameParser();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        const at = performance.now() - exchange.start;
        exchange.chunks += 1;
        exchange.bytes += value.length;
        const text = decoder.decode(value, { stream: true });
        if (exchange.streams) for (const frame of parser.push(text)) addFrame(exchange, frame, at);
        else exchange.text += text;
        this.#tell("progress", exchange);
      }
      this.#end(exchange, parser.rest ? "broken" : "done", parser.rest && "cut inside a frame");
    } catch (error) {
      this.#end(exchange, error.name === "AbortError" ? "stopped" : "broken", String(error));
    }
  }

  #end(exchange, outcome, problem = null) {
    exchange.endedAt = performance.now() - exchange.start;
    Object.assign(exchange, { outcome, problem });
    this.#tell("end", exchange);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function addFrame(exchange, { raw, data }, at) {
  const gap = at - (exchange.frames.at(-1)?.at ?? exchange.headersAt);
  const event = data === null ? null : parse(data);
  exchange.frames.push({ at, gap, raw, event, type: typeOf(event), delta: isDelta(event) });
}

/** The record can be seen and copied. A token has no place in it. */
function withoutToken(headers) {
  const scheme = headers.get("authorization")?.split(" ")[0];
  if (scheme) headers.set("authorization", `${scheme} ${TOKEN}`);
  return Object.fromEntries(headers);
}

function operationOf(body) {
  const { type } = parse(body ?? "{}");
  return typeof type === "string" ? type : "request";
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return { type: "(not JSON)", text };
  }
}

/** The request as a command for a terminal. `-N`: show what arrives when it arrives. */
export function asCurl({ method, url, headers, body }) {
  const quote = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
  const parts = [`curl -N -X ${method} ${quote(url)}`];
  for (const [name, value] of Object.entries(headers)) {
    // Only in double quotes does a shell put in what a variable holds.
    const line = `${name}: ${value}`;
    parts.push(`-H ${name === "authorization" ? `"${line}"` : quote(line)}`);
  }
  if (body !== null) parts.push(`--data-raw ${quote(body)}`);
  return parts.join(" \\\n  ");
}
