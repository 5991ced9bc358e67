/** What the server tells the page (`GET /api/config`). */
export interface Config {
  /** How the page shows who is speaking. */
  mode: "bearer" | "cookie" | "bff";
  /** Where ChatKit's requests go. */
  endpoint: string;
  /** Who signs tokens. The page needs to know that in mode `bearer` only. */
  issuer: string | null;
  /** Who can sign in. */
  users: string[];
  /** The script that defines <openai-chatkit>. */
  script: string;
  /** What OpenAI's script knows this site by; the local one does not ask. */
  domainKey: string;
}

export async function loadConfig(): Promise<Config> {
  const response = await fetch("/api/config").catch(() => null);
  if (!response?.ok)
    throw new Error("The server does not answer. Is it running? Then load this page again.");
  return response.json();
}
