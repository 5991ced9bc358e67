// Puts the page together: who speaks, over which network, the chat, and the inspector beside it.

import "./chatkit-local/element.js";
import { h } from "./chatkit-local/dom.js";
import { Inspector } from "./inspector/inspector.js";
import { Recorder } from "./inspector/recorder.js";
import { NETWORKS, throttled } from "./throttle.js";

const USERS = ["you", "alice", "bob"]; // "you" is what the server assumes where no header says so

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

const { endpoint, title } = await (await fetch("console/config.json")).json();
let user = USERS.includes(place.read().user) ? place.read().user : USERS[0];
let network = "full";
let thread = null;

/** fetch, as the chat uses it: says who speaks, is recorded, and is as slow as was asked for. */
const plain = fetch.bind(globalThis);
const recorder = new Recorder();
const asUser = (inner) => (input, init) => {
  const headers = new Headers(init?.headers);
  if (user !== USERS[0]) headers.set("X-Demo-User", user);
  return inner(input, { ...init, headers });
};
const chatFetch = asUser(recorder.wrap(throttled(plain, () => network)));
const inspector = new Inspector(byId("inspector"), {
  recorder,
  endpoint,
  fetch: asUser(plain), // the inspector's own look into the store stays out of the record
  thread: () => thread,
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

function userSwitch() {
  const choices = USERS.map((name) => {
    const input = h("input", { type: "radio", name: "user", value: name, checked: name === user });
    return h("label", {}, input, h("span", {}, name));
  });
  byId("users").append(...choices);
  byId("users").addEventListener("change", ({ target }) => {
    user = target.value;
    thread = null;
    place.write(user, null);
    recorder.clear();
    openChat();
    inspector.threadChanged();
  });
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
userSwitch();
networkSwitch();
viewSwitch();
openChat(place.read().thread ?? null);
if (matchMedia("(min-width: 861px)").matches) {
  const chat = byId("chat").firstChild; // on a small screen the keyboard would cover the page
  chat.addEventListener("chatkit.ready", () => chat.focusComposer());
}
