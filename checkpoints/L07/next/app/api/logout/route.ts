import { cookies } from "next/headers";
import { COOKIE, refusal } from "@/lib/server";

/** Take the cookie back. */
export async function POST(request: Request): Promise<Response> {
  const no = refusal(request);
  if (no) return no;
  (await cookies()).delete(COOKIE);
  return new Response(null, { status: 204 });
}
