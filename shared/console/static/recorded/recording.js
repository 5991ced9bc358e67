// What a recording says of each step, worked out once. No DOM, no network.
//
// A story has `steps` (what the wire shows), `at(index)` and `afterRestart(index)`: the picture when
// so many steps have happened. Pictures are made forwards and kept, so going back finds the same.

import { NEW_THREAD, plainText, reduce } from "../chatkit-local/protocol.js";
import { isDelta, kindOf, summarize, typeOf } from "../inspector/summary.js";

const NOBODY_SPOKE = { state: NEW_THREAD, busy: false, cut: new Set() };
const BEFORE = "Nothing has happened yet. Step forward to begin.";

/** The conversation with the ChatKit server. */
export function chatStory({ people, rows, states, steps }) {
  const pictures = [
    { people: everybody(people), held: [], fresh: [], open: [], caption: BEFORE, rows },
  ];
  for (const [index, step] of steps.entries()) {
    const before = pictures[index];
    const held = states[step.state].holds;
    const fresh = held.filter((id) => !before.held.includes(id));
    const views = {
      ...before.people,
      [step.person]: turn(before.people[step.person], step, index),
    };
    const open = Object.entries(views).flatMap(([person, { state }]) =>
      state.items
        .filter(({ id }) => state.open.includes(id))
        .map((item) => ({ id: item.id, person, type: item.type, text: plainText(item) })),
    );
    pictures.push({
      people: views,
      held,
      fresh,
      open,
      caption: captionOf(step, fresh, rows),
      rows,
    });
  }

  const afterRestart = (index) => {
    const known = index ? states[steps[index - 1].state].after_restart : [];
    const before = pictures[index];
    const views = Object.fromEntries(
      people.map((person) => [
        person,
        reloaded(
          known.filter((id) => rows[id].person === person),
          rows,
        ),
      ]),
    );
    const lost = [
      ...before.open.filter(({ id }) => !known.includes(id)).map(lostAnswer),
      ...Object.entries(before.people).flatMap(([person, { state, busy }]) =>
        lostOf(person, state, busy),
      ),
    ];
    const caption =
      `The server was stopped here, as by a power cut, and started again; ` +
      `${people.join(" and ")} opened their pages anew. ` +
      (lost.length ? `Lost: ${lost.join("; ")}. ` : "Nothing is lost. ") +
      (known.length ? "All that was stored is there again." : "Nothing had been stored.");
    return { people: views, held: known, fresh: [], open: [], caption, rows, cut: true };
  };

  return {
    steps: steps.map((step, index) => wireRow(step, steps[index - 1])),
    at: (index) => pictures[index],
    afterRestart,
    note: null,
  };
}

/** The same questions to a route that answers and forgets. The pages remember, nobody else does. */
export function statelessStory({ people, stateless: { steps } }) {
  const pictures = [
    { people: everybody(people), held: [], fresh: [], open: [], caption: BEFORE, rows: {} },
  ];
  for (const [index, { person, kind, body, holds }] of steps.entries()) {
    const before = pictures[index];
    const asked = kind === "request";
    const item = {
      id: `page-${index}`,
      type: asked ? "user_message" : "assistant_message",
      content: [{ type: asked ? "input_text" : "output_text", text: body.text, annotations: [] }],
    };
    const { state } = before.people[person];
    const id = `page of ${person}`;
    const changed = { ...state, id, items: [...state.items, item] };
    const view = { ...NOBODY_SPOKE, state: changed, busy: asked };
    const caption = asked
      ? `A text arrives. Nothing in it says who asks, or what was asked before. ` +
        `The page of ${person} waits.`
      : `The whole answer, at once. The server forgets both, and the next request knows of neither.`;
    pictures.push({
      people: { ...before.people, [person]: view },
      held: holds,
      fresh: [],
      open: [],
      caption,
      rows: {},
    });
  }
  const afterRestart = (index) => ({
    ...pictures[0],
    held: index ? steps[index - 1].holds : [],
    caption:
      "The server was started again and the pages were opened anew. The server had nothing to lose. " +
      "The pages had the conversation, and nobody can give it back to them.",
    cut: true,
  });
  return {
    steps: steps.map(({ person, kind, body }) => ({
      person,
      nameless: true, // the wire does not say who it is
      moment: true,
      out: kind === "request",
      kind: kind === "request" ? "request" : "item",
      type: kind === "request" ? "POST /ask" : "200 OK",
      what: JSON.stringify(body.text.length > 140 ? `${body.text.slice(0, 140)}…` : body.text),
      value: body,
    })),
    at: (index) => pictures[index],
    afterRestart,
    note: "This route keeps nothing between two requests. What the people see, only their pages remember.",
  };
}

const everybody = (people) => Object.fromEntries(people.map((person) => [person, NOBODY_SPOKE]));

/** How one person's page changes by a step of theirs. */
function turn({ state, busy, cut }, step, index) {
  switch (step.kind) {
    case "request": {
      const { input } = step.body.params;
      const local = { id: `local-${index}`, local: true, type: "user_message", ...input };
      return { state: { ...state, items: [...state.items, local] }, busy: true, cut };
    }
    case "end": // of the answer before, where a new one is already asked for
      return {
        state: { ...state, open: [], progress: null },
        busy: busy && hasLocal(state),
        cut: new Set([...cut, ...state.open]),
      };
    default:
      return { state: reduce(state, step.event), busy, cut };
  }
}

const hasLocal = (state) => state.items.some((item) => item.local);

/** A page that is opened again and asks for its thread. What is hidden is not sent to it. */
function reloaded(ids, rows) {
  let state = NEW_THREAD;
  for (const { table, type, data } of ids.map((id) => rows[id])) {
    if (table === "threads") state = reduce(state, { type: "thread.created", thread: data });
    if (table === "items" && type !== "sdk_hidden_context") {
      state = reduce(state, { type: "thread.item.done", item: data });
    }
  }
  return { ...NOBODY_SPOKE, state };
}

const lostAnswer = ({ person, text }) =>
  text ? `the beginning of an answer to ${person}` : `the empty answer to ${person}`;

/** What a page showed of a turn, besides items that were still being written. */
function lostOf(person, state, busy) {
  const lost = [];
  if (hasLocal(state)) lost.push(`a message of ${person} that was not stored yet`);
  else if (busy && !state.open.length && state.items.at(-1)?.type === "user_message") {
    lost.push(`the work on an answer to ${person}`);
  }
  return lost;
}

/** One line of the wire. `moment`: more than a further piece of what has begun. */
function wireRow(step, before) {
  const { at, person } = step;
  if (step.kind === "request") {
    const [{ text }] = step.body.params.input.content;
    const what = JSON.stringify(text);
    return {
      at,
      person,
      moment: true,
      out: true,
      kind: "request",
      type: step.body.type,
      what,
      value: step.body,
    };
  }
  if (step.kind === "end") {
    const cut = step.answer === "cut";
    const what = cut ? "the answer is cut" : "the answer is whole";
    return {
      at,
      person,
      moment: true,
      kind: cut ? "problem" : "aside",
      type: "end of the stream",
      what,
      value: null,
    };
  }
  const { event } = step;
  const delta = isDelta(event);
  const again = event.type === "progress_update" && before?.event?.type === event.type;
  const small = delta || again || event.type === "stream_options" || event.update;
  return {
    at,
    person,
    moment: !small,
    kind: kindOf({ event, delta }),
    type: shortType(event),
    what: summarize(event),
    value: event,
  };
}

const shortType = (event) =>
  typeOf(event).replace(/^assistant_message\.(content_part\.(?=text_delta))?/, "… ");

function captionOf(step, fresh, rows) {
  const { person } = step;
  const stored = fresh.filter((id) => rows[id].type === "row of the tool");
  const also = stored.map((id) => ` Before that a tool has stored its own row: ${id}.`).join("");
  if (step.kind === "request") {
    return step.body.type === "threads.create"
      ? `The page of ${person} sends a first message, and asks for a new thread.`
      : `The page of ${person} sends a message to the thread ${step.body.params.thread_id}.`;
  }
  if (step.kind === "end") {
    return step.answer === "cut"
      ? `The new message ended this answer. What it had so far is stored now, and beside it a note ` +
          `for the agent that no page is shown.`
      : `The stream of this answer ends, and with it the request.`;
  }
  const { event } = step;
  switch (event.update?.type ?? event.type) {
    case "thread.created":
      return `A thread for ${person}: stored, and announced with its id.`;
    case "thread.item.done":
      return event.item.type === "user_message"
        ? `The message of ${person} is an item now: stored, and announced with its id.`
        : `The item is done. This event has the whole text, and the server has stored it.`;
    case "stream_options":
      return `The server says what the page may do with this answer: stop it.`;
    case "thread.item.added":
      return `An answer begins: an empty item with its id. It is not stored yet.`;
    case "assistant_message.content_part.added":
      return `The item gets a part for its text, still empty.${also}`;
    case "assistant_message.content_part.text_delta":
      return `A piece of text for ${event.item_id}. It is shown, and not stored.`;
    case "assistant_message.content_part.done":
      return `The part has its whole text. It is still not stored.`;
    case "progress_update":
      return `A tool says how far it has come. That is no item, and it is never stored.`;
    default:
      return typeOf(event);
  }
}
