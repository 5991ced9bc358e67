// Who is signed in, in this tab, and the token that says so.
//
// This console is made for learning: the token comes in the page's address and is kept in the tab's
// sessionStorage, so that one can look at it and a reload keeps it. Any script that gets onto the
// page could take it from there. Lesson 7 does better: it keeps the token in an httpOnly cookie.

const TOKEN = "sign-in.token";
const BEGUN = "sign-in.begun"; // { state, thread }: what a token must come back with, and to what

// Taken out of the address before anything else of the page runs.
const arrived = takeFromAddress();

/** `issuer` is the URL of the identity provider. */
export class SignIn {
  problem = null; // why the token that has arrived was not taken
  thread = null; // what was open when the sign-in began, for the same person to go on with
  #issuer;
  #token = null;

  constructor(issuer) {
    this.#issuer = issuer.replace(/\/+$/, "");
    this.#token = parse(sessionStorage.getItem(TOKEN));
    if (arrived) this.#take(arrived);
  }

  /** The user's id, or null. */
  get user() {
    return this.#token?.claims.sub ?? null;
  }

  /** What the token holds: { raw, header, claims, signature }, or null. */
  get token() {
    return this.#token;
  }

  /** Seconds until the token runs out; less than 0 after that, null where it never does. */
  get remaining() {
    const { exp } = this.#token?.claims ?? {};
    return exp === undefined ? null : exp - Date.now() / 1000;
  }

  get expired() {
    return this.remaining !== null && this.remaining <= 0;
  }

  /** Go to the identity provider. It leads back here. */
  begin(thread) {
    const state = crypto.getRandomValues(new Uint32Array(4)).join("-");
    sessionStorage.setItem(BEGUN, JSON.stringify({ state, thread }));
    const params = new URLSearchParams({ return_to: location.href.split("#")[0], state });
    location.assign(`${this.#issuer}/sign-in?${params}`);
  }

  /** Forget the token. It stays good until it runs out, for whoever else has it. */
  end() {
    sessionStorage.removeItem(TOKEN);
    this.#token = null;
  }

  /** The same fetch, with who is signed in. A token that has run out is sent too: the server judges. */
  wrap(inner) {
    return (input, init) => {
      const headers = new Headers(init?.headers);
      if (this.#token) {
        headers.set("Authorization", `Bearer ${this.#token.raw}`);
        headers.set("X-Demo-User", this.user);
      }
      return inner(input, { ...init, headers });
    };
  }

  #take({ raw, state }) {
    const begun = JSON.parse(sessionStorage.getItem(BEGUN));
    sessionStorage.removeItem(BEGUN);
    const token = parse(raw);
    // Without this, a link could sign somebody in as the person who made the link.
    if (!begun || state !== begun.state) {
      this.problem = "That sign-in was not begun in this tab, so it does not count. Sign in here.";
    } else if (!token) {
      this.problem = "What the identity provider sent is no token. Sign in again.";
    } else {
      if (!this.#token || this.user === token.claims.sub) this.thread = begun.thread;
      sessionStorage.setItem(TOKEN, raw);
      this.#token = token;
    }
  }
}

function takeFromAddress() {
  const params = new URLSearchParams(location.hash.slice(1));
  if (!params.has("access_token")) return null;
  history.replaceState(null, "", location.pathname + location.search);
  return { raw: params.get("access_token"), state: params.get("state") };
}

/** Take a token apart. Nothing is checked: that is the server's work, and only it can do it. */
function parse(raw) {
  try {
    const [header, claims, signature] = raw.split(".");
    const token = { raw, header: decode(header), claims: decode(claims), signature };
    return typeof token.claims.sub === "string" && signature ? token : null;
  } catch {
    return null;
  }
}

function decode(part) {
  const binary = atob(part.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  return JSON.parse(new TextDecoder().decode(bytes));
}
