import { useEffect, useState, type MouseEvent, type ReactElement } from "react";
import type { Session } from "./session";

const PAGES: Record<string, { title: string; body: ReactElement }> = {
  "": { title: "Board", body: <Board /> },
  team: { title: "Team", body: <Team /> },
  account: { title: "Account", body: <Account /> },
};

/** The site around the chat: three pages, and who is signed in. */
export function Site({ session }: { session: Session }) {
  const [name, setName] = useState(pageName);
  const { title, body } = PAGES[name] ?? PAGES[""]!;

  useEffect(() => {
    document.title = `${title} · Task board`;
  }, [title]);

  useEffect(() => {
    const follow = () => setName(pageName());
    addEventListener("popstate", follow);
    return () => removeEventListener("popstate", follow);
  }, []);

  const open = (event: MouseEvent<HTMLAnchorElement>) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return; // a new tab is the browser's affair
    event.preventDefault();
    history.pushState(null, "", event.currentTarget.href);
    setName(pageName());
  };

  return (
    <>
      <header>
        <strong>Task board</strong>
        <nav aria-label="Pages">
          {Object.entries(PAGES).map(([path, page]) => (
            <a
              key={path}
              href={`./${path}`}
              onClick={open}
              aria-current={page.title === title && "page"}
            >
              {page.title}
            </a>
          ))}
        </nav>
        {session.user && (
          <div role="group" aria-label="Signed in" className="row">
            <span>{session.user}</span>
            <button onClick={session.signOut}>Sign out</button>
          </div>
        )}
      </header>
      <main>{body}</main>
    </>
  );
}

/** The last part of the address: `team` of `/app/team`. */
const pageName = () => location.pathname.split("/").at(-1)!;

function Board() {
  return (
    <>
      <h1>Release 2.0</h1>
      <p>Everything that has to happen before the release. Ask the assistant to add a task.</p>
      <h2>Today</h2>
      <ul>
        <li>Write the announcement</li>
        <li>Test the upgrade</li>
      </ul>
      <h3>Waiting for somebody</h3>
      <ul>
        <li>Translations: Amina</li>
      </ul>
      <h2>This week</h2>
      <ul>
        <li>Freeze the branch</li>
      </ul>
      <details>
        <summary>Later</summary>
        <h3>Ideas for 2.1</h3>
        <p>Calendars, and reminders by e-mail.</p>
      </details>
      <h2>Done</h2>
      <ul>
        <li>New icons</li>
      </ul>
      <h2>Rules of this board</h2>
      <p>One task, one person, one date.</p>
    </>
  );
}

function Team() {
  return (
    <>
      <h1>The team</h1>
      <h2>Amina</h2>
      <p>Words, in four languages.</p>
      <h2>Tomasz</h2>
      <p>Everything that runs at night.</p>
    </>
  );
}

function Account() {
  return (
    <>
      <h1>Your account</h1>
      <h2>Private</h2>
      <p>What is typed here is yours. It stays out of the chat, also while it is on the page.</p>
      <form onSubmit={(event) => event.preventDefault()}>
        <label>
          Telephone <input name="telephone" autoComplete="off" />
        </label>
        <label>
          A note to yourself <textarea name="note" rows={4} />
        </label>
      </form>
    </>
  );
}
