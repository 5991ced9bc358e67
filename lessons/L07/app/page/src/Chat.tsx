import type { Config } from "./config";
import type { Session } from "./session";

interface ChatProps {
  config: Config;
  session: Session;
  user: string;
}

/**
 * The chat of somebody who is signed in.
 *
 * It talks to `config.endpoint` through `chatFetch`, greets with a few prompts, and after a reload goes
 * on with `lastThread` of the user.
 */
export function Chat({ config, session, user }: ChatProps) {
  return <p role="status">The chat of {user} is not written yet: src/Chat.tsx, section 4.</p>;
}
