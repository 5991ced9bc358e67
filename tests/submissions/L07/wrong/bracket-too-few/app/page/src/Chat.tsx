import { ChatKit, useChatKit } from "@openai/chatkit-react";
import { chatFetch } from "./chatFetch";
import type { Config } from "./config";
import { lastThread, type Session } from "./session";

interface ChatProps {
  config: Config;
  session: Session;
  user: string;
}

/** The chat of somebody who is signed in. */
export function Chat({ config, session, user }: ChatProps) {
  const { control } = useChatKit({
    api: {
      url: new URL(config.endpoint, location.origin).href,
      domainKey: config.domainKey,
      fetch: chatFetch({ token: session.token, onUnauthorized: session.expire }),
    },
    initialThread: lastThread.get(user),
    onThreadChange: ({ threadId }) => lastThread.set(user, threadId),
    startScreen: {
      greeting: `What is next, ${user}?`,
      prompts: [
        { label: "Show my tasks", prompt: "Show my tasks" },
        { label: "Which page is this?", prompt: "Which page am I looking at?" },
      ],
    },
    composer: placeholder: "Ask about your tasks, or this page" },
  });
  return <ChatKit control={control} className="chat" />;
}
