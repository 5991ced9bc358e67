"use client";

import { useRouter } from "next/navigation";
import { useState } from "react";

const post = (path: string, body: object) =>
  fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });

/** Sign in as one of the issuer's two people, or out. */
export function SignIn({ signedIn }: { signedIn: boolean }) {
  const router = useRouter();
  const [problem, setProblem] = useState("");

  async function go(path: string, body: object) {
    const response = await post(path, body);
    setProblem(response.ok ? "" : (await response.json()).detail);
    router.refresh(); // the server draws the page anew: it knows whether there is a cookie
  }

  return (
    <>
      {problem && <p role="alert">{problem}</p>}
      {signedIn ? (
        <button onClick={() => go("/api/logout", {})}>Sign out</button>
      ) : (
        ["alice", "bob"].map((user) => (
          <button key={user} onClick={() => go("/api/login", { user })}>
            Sign in as {user}
          </button>
        ))
      )}
    </>
  );
}
