import { cookies } from "next/headers";
import { COOKIE, backend, refusal, refused } from "@/lib/server";

/** The backend-for-frontend: the cookie comes in, the token goes out, and the answer passes as it comes. */
export async function POST(request: Request): Promise<Response> {
  const no = refusal(request);
  if (no) return no;
  const token = (await cookies()).get(COOKIE)?.value;
  if (!token) return refused(401, "Sign in first.");

  let answer: Response;
  try {
    answer = await fetch(`${backend()}/chatkit`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
      body: await request.text(),
      signal: request.signal, // Stop: when the browser hangs up, so do we
      cache: "no-store",
    });
  } catch {
    return refused(502, "The backend cannot be reached. Is it running?");
  }

  const headers = new Headers({ "Cache-Control": "no-store, no-transform" }); // compressed, it would be buffered
  for (const name of ["Content-Type", "WWW-Authenticate"]) {
    const value = answer.headers.get(name);
    if (value) headers.set(name, value);
  }
  return new Response(answer.body, { status: answer.status, headers }); // the body is a stream, and nobody reads it here
}
