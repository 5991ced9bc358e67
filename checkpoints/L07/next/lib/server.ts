// What the routes have in common. It runs on the server only: no browser ever sees it.

export const COOKIE = "session";

/** The server that believes bearer tokens. Read at each request, so that one build fits every place. */
export const backend = () => process.env.BACKEND_URL ?? "http://127.0.0.1:8007";

/** Who signs the tokens. */
export const issuer = () => process.env.CHATKIT_ISSUER ?? "http://127.0.0.1:8107";

export const refused = (status: number, detail: string) => Response.json({ detail }, { status });

/** Whether another site's page made the browser send this (CSRF), or something that is no JSON. */
export function refusal(request: Request): Response | null {
  const origin = request.headers.get("origin");
  const site = request.headers.get("sec-fetch-site") ?? "same-origin"; // only old browsers do not say
  // Not request.url: behind a proxy it names another host than the browser does.
  const host = request.headers.get("host");
  const own = origin === null || (URL.canParse(origin) && new URL(origin).host === host);
  if (site !== "same-origin" || !own) return refused(403, "Only this site's own page may do that.");
  const type = request.headers.get("content-type")?.split(";")[0]?.trim();
  return type === "application/json" ? null : refused(415, "The body must be JSON.");
}
