import { cookies } from "next/headers";
import { COOKIE } from "@/lib/server";
import { Chat } from "./Chat";
import { SignIn } from "./SignIn";

/** The page. It is made on the server, which sees the cookie; the browser's scripts do not. */
export default async function Page() {
  const signedIn = (await cookies()).has(COOKIE);
  return (
    <>
      <header>
        <h1>Task board, with Next.js</h1>
        <SignIn signedIn={signedIn} />
      </header>
      <main>{signedIn ? <Chat /> : <p>Sign in to talk to the Task Manager.</p>}</main>
    </>
  );
}
