import { Component, type ReactNode } from "react";
import { Chat } from "./Chat";
import type { Config } from "./config";
import { Site } from "./Site";
import { SignIn } from "./SignIn";
import { useSession, type Session } from "./session";
import { useChatKitScript } from "./useChatKitScript";

export function App({ config }: { config: Config }) {
  const session = useSession(config);
  return (
    <>
      <Site session={session} />
      <aside aria-label="Assistant">
        <Guarded key={session.user}>
          <Assistant config={config} session={session} />
        </Guarded>
      </aside>
    </>
  );
}

/** The chat, or what is in its way. */
function Assistant({ config, session }: { config: Config; session: Session }) {
  const { state, retry } = useChatKitScript(config.script);
  const { user } = session;
  if (user === undefined) return null;
  if (user === null) return <SignIn config={config} session={session} />;
  if (state === "loading") return <p role="status">One moment …</p>;
  if (state === "failed")
    return (
      <div role="alert" className="notice">
        <p>There is no chat at the moment.</p>
        <button onClick={retry}>Load it once more</button>
      </div>
    );
  return (
    <>
      {session.expired && <SignIn config={config} session={session} />}
      <Chat config={config} session={session} user={user} />
    </>
  );
}

/** Shows what went wrong in the chat's place. The rest of the page goes on. */
class Guarded extends Component<{ children: ReactNode }, { error?: Error }> {
  state: { error?: Error } = {};

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  render() {
    const { error } = this.state;
    return error ? (
      <p role="alert" className="notice">
        {error.message}
      </p>
    ) : (
      this.props.children
    );
  }
}
