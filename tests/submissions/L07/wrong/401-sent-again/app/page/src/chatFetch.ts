import { pageContext } from "./pageContext";

export interface ChatFetchOptions {
  /** The token of the moment at which a request is sent; null where a cookie goes by itself. */
  token: () => string | null;
  /** Called when the server does not, or no longer, know who is speaking. */
  onUnauthorized: () => void;
}

/** A `fetch` for ChatKit's requests: with the token, and with the page that the user looks at. */
export function chatFetch({ token, onUnauthorized }: ChatFetchOptions): typeof fetch {
  const send: typeof fetch = async (input, init = {}) => {
    const headers = new Headers(init.headers); // they may be a Headers, and to spread that loses all
    const value = token();
    if (value) headers.set("Authorization", `Bearer ${value}`);
    // The rest of init goes as it came: without its `signal`, Stop would stop nothing.
    const response = await fetch(input, { ...init, headers, body: withPage(init.body) });
    if (response.status === 401) {
      onUnauthorized();
      return send(input, init);
    }
    return response; // unread: whoever reads it here waits for the end of the answer
  };
  return send;
}

/** Add the page to a request's metadata. An upload is no text, and goes as it is. */
function withPage(body: BodyInit | null | undefined) {
  if (typeof body !== "string") return body;
  const request = JSON.parse(body);
  return JSON.stringify({ ...request, metadata: { ...request.metadata, page: pageContext() } });
}
