// Puts the page together: who speaks, over which network, the chat, and the inspector beside it.

import "./chatkit-local/element.js";
import { h } from "./chatkit-local/dom.js";
import { Inspector } from "./inspector/inspector.js";
import { Recorder } from "./inspector/recorder.js";
import { SignIn } from "./sign-in.js";
import { NETWORKS, throttled } from "./throttle.js";

const USERS = ["you", "alice", "bob"]; // "you" is what the server assumes where no header says so
const LONGEST_TIMER = 2 ** 31 - 1; // milliseconds: one that shall wait longer goes off at once

const byId = (id) => document.getElementById(id);

// The address keeps user and thread, so that a reload stays, and two windows can be two people.
const place = {
  read: () => Object.fromEntries(new URLSearchParams(location.hash.slice(1))),
  write(user, thread) {
    const params = new URLSearchParams();
    if (user !== USERS[0]) params.set("user", user);
    if (thread) params.set("thread", thread);
    history.replaceState(null, "", params.size ? `#${params}` : location.pathname);
  },
};

const { endpoint, title, issuer } = await (await fetch("console/config.json")).json();
const signIn = issuer ? new SignIn(issuer) : null; // without an issuer one just says who one is
let user = !signIn && USERS.includes(place.read().user) ? place.read().user : USERS[0];
let network = "full";
let thread = null;

/** fetch, as the chat uses it: says who speaks, is recorded, and is as slow as was asked for. */
const plain = fetch.bind(globalThis);
const recorder = new Recorder();
const byName = (inner) => (input, init) => {
  const headers = new Headers(init?.headers);
  if (user !== USERS[0]) headers.set("X-Demo-User", user);
  return inner(input, { ...init, headers });
};
const asUser = (inner) => (signIn ? signIn.wrap(inner) : byName(inner));
const chatFetch = asUser(recorder.wrap(throttled(plain, () => network)));
const inspector = new Inspector(byId("inspector"), {
  recorder,
  endpoint,
  fetch: asUser(plain), // the inspector's own look into the store stays out of the record
  thread: () => thread,
  signIn,
});

/** A new element, as if the page had been opened by this person. */
function openChat(initialThread = null) {
  const chat = document.createElement("openai-chatkit");
  chat.addEventListener("chatkit.thread.change", ({ detail }) => {
    thread = detail.threadId;
    place.write(user, thread);
    inspector.threadChanged();
  });
  chat.addEventListener("chatkit.response.end", () => inspector.threadChanged());
  chat.addEventListener("chatkit.effect", ({ detail }) => {
    toast(`Client effect “${detail.name}” ${JSON.stringify(detail.data ?? {})}`);
  });
  chat.setOptions({
    api: { url: endpoint, fetch: chatFetch, domainKey: "local" },
    initialThread,
    frameTitle: "Chat",
    startScreen: {
      prompts: [
        { label: "What can you do?", prompt: "What can you do?", icon: "sparkle" },
        { label: "Add a task: read lesson 2", prompt: "Add a task: read lesson 2", icon: "check" },
        { label: "Show my tasks", prompt: "Show my tasks", icon: "document" },
      ],
    },
    threadItemActions: { feedback: true, retry: true },
    composer: { interrupt: true },
    disclaimer: { text: "A local stand-in for OpenAI’s ChatKit element, made for learning." },
    onClientTool,
    ...(signIn ? { onSignIn: () => signIn.begin(thread) } : {}),
  });
  byId("chat").replaceChildren(chat);
}

/** What a server can ask this page for. An unknown name is answered too: the turn goes on. */
function onClientTool({ name }) {
  const tools = {
    get_selection: () => ({ text: String(getSelection()) }),
    get_page: () => ({ url: location.href, title: document.title, language: navigator.language }),
  };
  const tool = tools[name];
  return tool ? tool() : { error: `This page has no tool ${name}. It has: ${Object.keys(tools)}.` };
}

function toast(text) {
  const node = h("div.toast", {}, text);
  byId("toasts").append(node);
  setTimeout(() => node.remove(), 5000);
}

/** Somebody else speaks from now on: nothing of the one before stays on the page. */
function startAnew() {
  thread = null;
  place.write(user, null);
  recorder.clear();
  openChat();
  inspector.userChanged();
}

function userSwitch() {
  const choices = USERS.map((name) => {
    const input = h("input", { type: "radio", name: "user", value: name, checked: name === user });
    return h("label", {}, input, h("span", {}, name));
  });
  byId("users").append(...choices);
  byId("users").addEventListener("change", ({ target }) => {
    user = target.value;
    startAnew();
  });
}

/** Who is signed in, and the button to change that, in the place of the switch. */
function personBar() {
  byId("users").hidden = true;
  byId("person").hidden = false;
  const button = (label, onclick) => h("button.pill", { type: "button", onclick }, label);
  const begin = button("Sign in", () => signIn.begin(thread));
  const end = button("Sign out", () => {
    signIn.end();
    startAnew();
    draw();
    begin.focus();
  });
  function draw() {
    const { user: name, expired, remaining } = signIn;
    const said = name === null ? "Not signed in" : name;
    byId("person").replaceChildren(
      h(name === null ? "span.nobody" : "span.name", {}, said),
      ...(expired ? [h("span.out", {}, "run out")] : []),
      ...(name === null || expired ? [begin] : []),
      ...(name === null ? [] : [end]),
    );
    clearTimeout(draw.timer);
    if (remaining > 0) draw.timer = setTimeout(draw, Math.min(remaining * 1000, LONGEST_TIMER));
  }
  draw();
}

function networkSwitch() {
  const options = Object.entries(NETWORKS).map(([value, { label }]) =>
    h("option", { value }, label),
  );
  byId("network").append(...options);
  byId("network").addEventListener("change", ({ target }) => (network = target.value));
}

function viewSwitch() {
  const buttons = [...document.querySelectorAll("[data-show]")];
  for (const button of buttons) {
    button.addEventListener("click", () => {
      document.body.dataset.view = button.dataset.show;
      for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
    });
  }
}

const name = title && title !== "FastAPI" ? title : "ChatKit console";
document.title = name;
byId("title").textContent = name;
byId("endpoint").textContent = `POST ${endpoint}`;
if (signIn) personBar();
else userSwitch();
networkSwitch();
viewSwitch();
openChat(signIn?.thread ?? place.read().thread ?? null);
if (signIn?.problem) toast(signIn.problem);
// Another address was typed into this window: as if the page had been opened with it.
addEventListener("hashchange", () => location.reload());
if (matchMedia("(min-width: 861px)").matches) {
  const chat = byId("chat").firstChild; // on a small screen the keyboard would cover the page
  chat.addEventListener("chatkit.ready", () => chat.focusComposer());
}
