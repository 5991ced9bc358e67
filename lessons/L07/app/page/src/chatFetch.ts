export interface ChatFetchOptions {
  /** The token of the moment at which a request is sent; null where a cookie goes by itself. */
  token: () => string | null;
  /** Called when the server does not, or no longer, know who is speaking. */
  onUnauthorized: () => void;
}

/**
 * A `fetch` for ChatKit's requests: with the token, and with the page that the user looks at.
 *
 * What ChatKit gives it reaches `fetch` too: headers, body, and the signal that Stop uses. The page goes
 * into the body as `metadata.page`. The answer is returned unread.
 */
export function chatFetch({ token, onUnauthorized }: ChatFetchOptions): typeof fetch {
  throw new Error("src/chatFetch.ts is not written yet: section 5.");
}
