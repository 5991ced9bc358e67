"use client";

import { ChatKit, useChatKit } from "@openai/chatkit-react";
import Script from "next/script";

/** The chat. Its requests need no token and no interceptor: the browser adds the cookie by itself. */
export function Chat() {
  const { control } = useChatKit({ api: { url: "/api/chatkit", domainKey: "local-dev" } });
  return (
    <>
      {/* Served by the Python server; see proxy.ts. In production: OpenAI's own script. */}
      <Script src="/console/chatkit-local/chatkit.js" />
      <ChatKit control={control} />
    </>
  );
}
