import { NextResponse, type NextRequest } from "next/server";
import { backend } from "@/lib/server";

/** Let the Python server serve the local chat element, from this page's own origin. */
export function proxy(request: NextRequest) {
  return NextResponse.rewrite(new URL(request.nextUrl.pathname, backend()));
}

export const config = { matcher: "/console/:path*" };
