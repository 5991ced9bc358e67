import { cookies } from "next/headers";
import { COOKIE, issuer, refusal, refused } from "@/lib/server";

/** Get a token from the issuer, and put it where only the browser has it. */
export async function POST(request: Request): Promise<Response> {
  const no = refusal(request);
  if (no) return no;
  let answer: Response;
  try {
    answer = await fetch(`${issuer()}/token`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: await request.text(),
      cache: "no-store",
    });
  } catch {
    return refused(503, "The issuer does not answer. Is it running?");
  }
  if (!answer.ok) return refused(400, "The issuer gives no token for that.");
  const { access_token, expires_in } = await answer.json();
  (await cookies()).set(COOKIE, access_token, {
    httpOnly: true,
    sameSite: "lax",
    path: "/",
    maxAge: expires_in,
    secure: request.headers.get("x-forwarded-proto") === "https",
  });
  return new Response(null, { status: 204 });
}
