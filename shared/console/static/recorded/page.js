// The recorded conversation: one step at a time, as each person, the wire and the store have it.

import { h } from "../chatkit-local/dom.js";
import { icon } from "../chatkit-local/icons.js";
import { Chat, Store, Wire } from "./lanes.js";
import { chatStory, statelessStory } from "./recording.js";
import { Score } from "./score.js";

const SLOWEST = 400; // milliseconds: so long does a step take at most while it plays

const byId = (id) => document.getElementById(id);

const { title, recording } = await (await fetch("console/recording.json")).json();
const STORIES = {
  chat: { label: "ChatKit server", ...chatStory(recording) },
  stateless: { label: "Stateless route", ...statelessStory(recording) },
};

// The address keeps the place, so that a text can point at a step: #step=136, #stateless&step=3
let route = "chat";
const places = { chat: 0, stateless: 0 };
let restarted = false;
let playing = null;
let writing = null;

const story = () => STORIES[route];
const step = () => places[route];

const lanes = {
  ...Object.fromEntries(recording.people.map((person) => [person, new Chat(person)])),
  wire: new Wire((index) => go(index)),
  store: new Store(),
};
const score = new Score(recording.people);

/** Show a step: 0 is before the first. Whatever was restarted runs again. */
function go(index) {
  places[route] = Math.max(0, Math.min(index, story().steps.length));
  restarted = false;
  render();
}

/** The next step in this direction at which more happens than a further piece of something. */
function moment(direction) {
  const { steps } = story();
  let index = step() + direction;
  while (index > 0 && index < steps.length && !steps[index - 1].moment) index += direction;
  go(index);
}

function play() {
  if (step() === story().steps.length) go(0);
  const next = () => {
    go(step() + 1);
    const [now, then] = [story().steps[step() - 1], story().steps[step()]];
    if (!then) return pause();
    playing = setTimeout(next, Math.min(then.at - now.at || SLOWEST, SLOWEST));
  };
  playing = setTimeout(next, 0);
  render();
}

function pause() {
  clearTimeout(playing);
  playing = null;
  render();
}

const stopping = (change) => () => {
  if (playing !== null) pause();
  change();
};
const COMMANDS = [
  { name: "first", label: "First step", key: "Home", run: stopping(() => go(0)) },
  { name: "skip-back", label: "Previous moment", key: "PageUp", run: stopping(() => moment(-1)) },
  { name: "back", label: "Step back", key: "ArrowLeft", run: stopping(() => go(step() - 1)) },
  { name: "play", label: "Play", key: " ", run: () => (playing === null ? play() : pause()) },
  {
    name: "forward",
    label: "Step forward",
    key: "ArrowRight",
    run: stopping(() => go(step() + 1)),
  },
  { name: "skip-forward", label: "Next moment", key: "PageDown", run: stopping(() => moment(1)) },
  { name: "last", label: "Last step", key: "End", run: stopping(() => go(story().steps.length)) },
];

function render() {
  const { steps, at, afterRestart, note } = story();
  const picture = restarted ? afterRestart(step()) : at(step());
  renderTransport(steps, picture);
  // After it, for lanes scroll to their ends, and a caption of two lines makes them shorter.
  for (const person of recording.people) lanes[person].render(picture.people[person]);
  lanes.wire.render(steps, step(), picture);
  lanes.store.render(picture, note);
  clearTimeout(writing);
  writing = setTimeout(writePlace, 200);
}

function renderTransport(steps, { caption }) {
  const index = step();
  score.render(steps);
  byId("slider").max = steps.length;
  byId("slider").value = index;
  byId("slider").setAttribute("aria-valuetext", `${index} of ${steps.length}`);
  const at = steps[index - 1]?.at;
  const time = at === undefined ? "" : ` · ${(at / 1000).toFixed(3)} s`;
  byId("counter").textContent = `Step ${index} of ${steps.length}${time}`;
  // While it plays, a screen reader could not keep up.
  byId("caption").setAttribute("aria-live", playing === null ? "polite" : "off");
  if (byId("caption").textContent !== `Step ${index}. ${caption}`) {
    byId("caption").replaceChildren(h("span.visually-hidden", {}, `Step ${index}. `), caption);
  }
  byId("caption").classList.toggle("restarted", restarted);
  byId("restart").replaceChildren(
    icon(restarted ? "reload" : "plug", 15),
    restarted ? "Undo the restart" : "Restart here",
  );
  label("play", playing === null ? "Play" : "Pause");
  button("play").replaceChildren(icon(playing === null ? "play" : "pause", 20));
  // Not `disabled`: the button that was pressed would lose the focus, and the keyboard its place.
  for (const back of ["first", "skip-back", "back"]) {
    button(back).setAttribute("aria-disabled", String(index === 0));
  }
  for (const on of ["forward", "skip-forward", "last"]) {
    button(on).setAttribute("aria-disabled", String(index === steps.length));
  }
  for (const choice of byId("routes").children) {
    choice.setAttribute("aria-pressed", String(choice.dataset.route === route));
  }
}

const button = (command) => byId("buttons").querySelector(`[data-command=${command}]`);

function label(command, text) {
  const { key } = COMMANDS.find((other) => other.name === command);
  const keyName = key === " " ? "Space" : key.replace(/(?<=[a-z])(?=[A-Z])/, " ");
  button(command).setAttribute("aria-label", text);
  button(command).title = `${text} (${keyName})`;
}

function buttons() {
  for (const command of COMMANDS) {
    const made = h("button.icon-button", { type: "button", "data-command": command.name });
    made.append(icon(command.name, 20));
    made.addEventListener("click", command.run);
    byId("buttons").append(made);
    label(command.name, command.label);
  }
  byId("restart").addEventListener(
    "click",
    stopping(() => {
      restarted = !restarted;
      render();
    }),
  );
}

function keyboard() {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    // What has the focus may have a use of its own for a key.
    const { target, key } = event;
    const slides = target.closest("input, pre");
    const presses = key === " " && target.closest("button, summary");
    const scrolls = !key.startsWith("Arrow") && target.closest(".lane");
    const command = COMMANDS.find((other) => other.key === key);
    if (!command || slides || presses || scrolls) return;
    event.preventDefault();
    command.run();
  });
}

// Buttons, not radio buttons: those would take the arrow keys.
function routes() {
  for (const [key, { label }] of Object.entries(STORIES)) {
    const choice = h("button", { type: "button", "data-route": key }, label);
    choice.addEventListener(
      "click",
      stopping(() => {
        route = key;
        go(step());
      }),
    );
    byId("routes").append(choice);
  }
}

/** On a narrow screen one lane is shown at a time. */
function laneSwitch() {
  const show = (shown) => {
    document.body.dataset.lane = shown;
    for (const choice of byId("lanes").children) {
      choice.setAttribute("aria-pressed", String(choice.dataset.show === shown));
    }
    lanes.wire.follow(); // what is not shown does not scroll
  };
  for (const lane of Object.keys(lanes)) {
    const choice = h("button", { type: "button", "data-show": lane }, lane);
    choice.addEventListener("click", () => show(lane));
    byId("lanes").append(choice);
  }
  show(recording.people[0]);
}

function readPlace() {
  const params = new URLSearchParams(location.hash.slice(1));
  route = params.has("stateless") ? "stateless" : "chat";
  go(Number(params.get("step")) || 0);
}

/** Called when the steps rest: browsers let a page do this so many times a minute only. */
function writePlace() {
  const params = `${route === "stateless" ? "stateless&" : ""}step=${step()}`;
  history.replaceState(null, "", `#${params}`);
}

document.title = title;
byId("title").textContent = title;
for (const [key, lane] of Object.entries(lanes)) {
  lane.node.dataset.name = key;
  byId("main").append(lane.node);
}
byId("score").append(score.node);
byId("slider").addEventListener("input", ({ target }) =>
  stopping(() => go(Number(target.value)))(),
);
addEventListener("hashchange", readPlace);
buttons();
keyboard();
routes();
laneSwitch();
readPlace();
