// Requests to the endpoint, and what went wrong in words that help.

import { readEvents } from "./protocol.js";

/** Something to tell the reader. `retry` says whether trying the same again can help. */
export class ChatFailure extends Error {
  constructor(title, message, { retry = false, status = null } = {}) {
    super(message);
    Object.assign(this, { title, retry, status });
  }
}

/** `post(type, params)` for JSON operations, `stream(type, params, signal)` for the others. */
export class Client {
  /** `options` returns the element's options of this moment: they may be set again at any time. */
  constructor(options) {
    this.options = options;
  }

  async post(type, params) {
    const response = await this.#send(type, params);
    return response.json();
  }

  /** Yields the events of a turn. Throws ChatFailure, or AbortError after `signal`. */
  async *stream(type, params, signal) {
    const response = await this.#send(type, params, signal);
    try {
      yield* readEvents(response.body);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ChatFailure(
        "The answer broke off",
        "The connection ended before the server had finished. What had arrived is kept above.",
        { retry: true },
      );
    }
  }

  async #send(type, params, signal) {
    const { url, fetch: custom } = this.options().api;
    const send = custom ?? fetch.bind(globalThis);
    let response;
    try {
      response = await send(url, {
        method: "POST",
        headers: new Headers({ "Content-Type": "application/json" }),
        body: JSON.stringify({ type, params }),
        signal,
      });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ChatFailure(
        "The server did not answer",
        "There is no connection to it. Is it running? Its terminal tells you.",
        { retry: true },
      );
    }
    if (!response.ok) throw await failureOf(response, url);
    return response;
  }
}

async function failureOf(response, url) {
  const { status } = response;
  const detail = detailOf(await response.text().catch(() => ""));
  // What a web framework says when nothing lives at a path, as opposed to "no such thread".
  if (status === 405 || (status === 404 && (!detail || detail === "Not Found"))) {
    const path = new URL(url, document.baseURI).pathname;
    return new ChatFailure(
      `This server has no POST ${path} yet`,
      "The page is ready; the endpoint is yours to write. Add it, then try again.",
      { retry: true, status },
    );
  }
  const title =
    {
      401: "Not signed in, or your sign-in has run out",
      403: "That is not allowed",
      404: "That is not there",
      409: "That does not fit now",
      413: "That is too long",
      422: "The server did not understand the request",
      429: "Too many requests",
      501: "The server does not offer that",
    }[status] ?? (status >= 500 ? "The server failed" : "The server refused");
  const hint = status >= 500 ? "Its terminal shows why." : "It gave no reason.";
  return new ChatFailure(title, `${detail || hint} (HTTP ${status})`, {
    retry: status === 429 || (status >= 500 && status !== 501),
    status,
  });
}

/** FastAPI's `detail`: a sentence, or a list of what is wrong where. */
function detailOf(text) {
  try {
    const { detail } = JSON.parse(text);
    if (typeof detail === "string") return detail;
    return detail.map(({ loc, msg }) => `${loc.join(".")}: ${msg}`).join("; ");
  } catch {
    return "";
  }
}
