import { useCallback, useEffect, useRef, useState } from "react";
import type { Config } from "./config";

export interface Session {
  /** Who is signed in; null: nobody; undefined: not known yet. */
  user: string | null | undefined;
  /** Whether the server has refused what they signed in with. */
  expired: boolean;
  /** The token of this moment, in mode `bearer`. In the others the page has none to give. */
  token: () => string | null;
  /** Sign in for so many seconds. Rejects with a sentence. */
  signIn: (user: string, lifetime: number) => Promise<void>;
  signOut: () => Promise<void>;
  /** To be called when the server answers 401. */
  expire: () => void;
}

/** Who is signed in, and how to change that. */
export function useSession(config: Config): Session {
  const bearer = config.mode === "bearer";
  const [user, setUser] = useState<string | null | undefined>(bearer ? null : undefined);
  const [expired, setExpired] = useState(false);
  // In this page's memory and nowhere else: storage would outlive the page, and any script reads it.
  const token = useRef<string | null>(null);

  useEffect(() => {
    // A cookie is there after a reload, but the page cannot see it.
    if (!bearer)
      ask("/api/me").then(
        (me) => setUser(me.user),
        () => setUser(null),
      );
  }, [bearer]);

  const signIn = async (name: string, lifetime: number) => {
    const wanted = { user: name, lifetime };
    if (bearer) token.current = (await ask(`${config.issuer}/token`, wanted)).access_token;
    else await ask("/api/login", wanted);
    setUser(name);
    setExpired(false);
  };

  const signOut = async () => {
    token.current = null;
    if (!bearer) await ask("/api/logout", {});
    setUser(null);
    setExpired(false);
  };

  const expire = useCallback(() => setExpired(true), []);

  return { user, expired, token: () => token.current, signIn, signOut, expire };
}

/** GET, or with `body` POST, and return the JSON. */
async function ask(url: string, body?: object) {
  const sent = body && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  const response = await fetch(url, sent).catch(() => null);
  if (!response) throw new Error("There is no answer. Is the server running, and the issuer?");
  const text = await response.text();
  const answer = text ? JSON.parse(text) : null;
  if (!response.ok)
    throw new Error(answer?.detail ?? `That did not work (HTTP ${response.status}).`);
  return answer;
}

/** The conversation that this tab shows to `user`, to go on with after a reload. An id is no secret. */
export const lastThread = {
  get: (user: string) => sessionStorage.getItem(`thread of ${user}`),
  set: (user: string, id: string | null) =>
    id
      ? sessionStorage.setItem(`thread of ${user}`, id)
      : sessionStorage.removeItem(`thread of ${user}`),
};
