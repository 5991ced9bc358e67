import { useState } from "react";
import type { Config } from "./config";
import type { Session } from "./session";

const LIFETIMES = { 3600: "1 hour", 60: "1 minute", 10: "10 seconds" };

/** Who to be, and for how long. An issuer outside of a workbook asks for a password on a page of its own. */
export function SignIn({ config, session }: { config: Config; session: Session }) {
  const [lifetime, setLifetime] = useState(3600);
  const [problem, setProblem] = useState("");

  const signIn = (user: string) => {
    setProblem("");
    session.signIn(user, lifetime).catch((error: Error) => setProblem(error.message));
  };

  return (
    <section className="notice" aria-label="Sign in">
      <p role="status">
        {session.expired ? "Your sign-in has run out. Sign in again to go on." : "Sign in to chat."}
      </p>
      <div className="row">
        {config.users.map((user) => (
          <button key={user} onClick={() => signIn(user)}>
            Sign in as {user}
          </button>
        ))}
        <label>
          for{" "}
          <select value={lifetime} onChange={(event) => setLifetime(Number(event.target.value))}>
            {Object.entries(LIFETIMES).map(([seconds, words]) => (
              <option key={seconds} value={seconds}>
                {words}
              </option>
            ))}
          </select>
        </label>
      </div>
      {problem && <p role="alert">{problem}</p>}
    </section>
  );
}
