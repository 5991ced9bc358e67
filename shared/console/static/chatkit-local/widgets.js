// Widgets: component trees that the server describes as JSON. What is not known here shows as JSON.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { renderMarkdown, safeImage } from "./markdown.js";
import { layout, put, rule, type } from "./widget-style.js";

/**
 * A node for a widget's root. `send(action)` is called with { type, payload, handler, streaming }
 * when a control is used, and may return a promise: until it settles, the widget does nothing more.
 */
export function renderWidget(root, send) {
  const shell = h("div.widget");
  const act = async (action, values) => {
    if (!action || shell.ariaBusy) return;
    shell.ariaBusy = "true"; // not inert, which would take the focus away
    try {
      const payload = values ? { ...action.payload, ...values } : action.payload;
      await send({ handler: "server", streaming: true, ...action, payload });
    } finally {
      shell.ariaBusy = null;
    }
  };
  shell.append(component(root, act));
  nameFields(shell);
  return shell;
}

/** A Label names the field that it speaks of, wherever in the widget that is. */
function nameFields(shell) {
  for (const label of shell.querySelectorAll("[data-field]")) {
    const named = `[name="${CSS.escape(label.dataset.field)}"]`;
    const input = shell.querySelector(`${named}:not([type="radio"])`);
    if (!input) continue;
    label.htmlFor = input.id = `field-${++fields}`; // a widget may be shown twice
    input.removeAttribute("aria-label");
  }
}

let fields = 0;

function component(props, act) {
  const build = COMPONENTS[props?.type];
  try {
    if (build) return build(props, act);
  } catch {
    // A component that is not formed as expected: its JSON says more than an empty place.
  }
  return unknown(props);
}

/** Anything that has no look of its own. */
export function unknown(value, label = value?.type ?? "unknown") {
  return h(
    "details.unknown",
    {},
    h("summary", {}, `${label} (shown as JSON)`),
    h("pre", { tabindex: "0" }, JSON.stringify(value, null, 2)),
  );
}

const children = ({ children: list }, act) =>
  (Array.isArray(list) ? list : list ? [list] : []).map((child) => component(child, act));

const box = (direction) => (props, act) =>
  layout(h(`div.w-box.${props.direction ?? direction}`, {}, children(props, act)), props);

const text = (tag, kind) => (props) => type(h(`${tag}.w-${kind}`, {}, props.value ?? ""), props);

const COMPONENTS = {
  __proto__: null, // the names below and no others: objects have a "constructor", too
  Card: card,
  Basic: box("col"),
  Box: box("col"),
  Row: box("row"),
  Col: box("col"),
  ListView: listView,
  ListViewItem: listItem,
  Form: form,
  Text: (props) =>
    props.editable ? field(props.editable, props.value) : text("div", "text")(props),
  Title: text("div", "title"),
  Caption: text("div", "caption"),
  Label: (props) => {
    const node = text("label", "label")(props);
    if (props.fieldName) node.dataset.field = props.fieldName;
    return node;
  },
  Markdown: (props) => {
    const node = h("div.markdown");
    renderMarkdown(node, props.value ?? "");
    return node;
  },
  Badge: (props) =>
    h(`span.w-badge.${props.color ?? "secondary"}.${props.variant ?? "soft"}`, {}, props.label),
  Icon: (props) => type(h("span.w-icon", {}, icon(props.name)), { color: props.color }),
  Image: (props) => {
    const src = safeImage(props.src);
    if (!src) return h("span.blocked", {}, `${props.alt ?? "image"} (image not loaded)`);
    const node = layout(h("img.w-image", { src, alt: props.alt ?? "" }), props);
    put(node, "object-fit", props.fit);
    put(node, "object-position", props.position);
    if (props.frame) node.classList.add("framed");
    return node;
  },
  Divider: (props) => rule(h("hr.w-divider"), props),
  Spacer: () => h("div.w-spacer"),
  Button: button,
  Transition: (props, act) => h("div", {}, children(props, act)),
  Input: (props) => field(props),
  Textarea: (props) => field(props, props.defaultValue, "textarea"),
  Select: select,
  Checkbox: checkbox,
  RadioGroup: radioGroup,
  DatePicker: (props, act) => {
    const node = field({ ...props, inputType: "date" }, dayOf(props.defaultValue));
    node.min = dayOf(props.min);
    node.max = dayOf(props.max);
    return onChange(node, props, act);
  },
};

/** The day of an ISO time, as a date field takes it. */
const dayOf = (time) => time?.slice(0, 10) ?? "";

function status({ status: value }) {
  if (!value) return null;
  return h("div.w-status", {}, value.icon ? icon(value.icon, 15) : null, value.text);
}

function card(props, act) {
  const body = h("div.w-box.col", {}, children(props, act));
  const footer = h("div.w-footer");
  if (props.cancel) {
    const cancel = () => act(props.cancel.action);
    footer.append(
      h("button.w-button.secondary", { type: "button", onclick: cancel }, props.cancel.label),
    );
  }
  if (props.confirm) {
    const kind = props.asForm ? "submit" : "button";
    const confirm = () => props.asForm || act(props.confirm.action);
    footer.append(
      h("button.w-button.primary", { type: kind, onclick: confirm }, props.confirm.label),
    );
  }
  const submit = (event) => {
    event.preventDefault();
    act(props.confirm?.action, valuesOf(event.target));
  };
  const node = props.asForm ? h("form.w-card", { onsubmit: submit }) : h("div.w-card");
  node.classList.add(`card-${props.size ?? "md"}`);
  node.append(...[status(props), body, footer.children.length ? footer : null].filter(Boolean));
  if (props.theme) node.style.colorScheme = props.theme;
  return layout(node, { padding: props.padding, background: props.background });
}

function listView(props, act) {
  const items = children(props, act);
  const limit = typeof props.limit === "number" ? props.limit : items.length;
  const list = h("ul.w-list", {}, items.slice(0, limit));
  const more = h("button.w-more", { type: "button" }, `Show ${items.length - limit} more`);
  more.addEventListener("click", () => {
    list.append(...items.slice(limit));
    more.remove();
  });
  return h("div.w-card", {}, status(props), list, items.length > limit ? more : null);
}

function listItem(props, act) {
  const content = layout(h("div.w-box.row", {}, children(props, act)), { gap: 2, ...props });
  if (!props.onClickAction) return h("li", {}, content);
  const click = () => act(props.onClickAction);
  return h("li", {}, h("button.w-row", { type: "button", onclick: click }, content));
}

function form(props, act) {
  const submit = (event) => {
    event.preventDefault();
    act(props.onSubmitAction, valuesOf(event.target));
  };
  const direction = props.direction ?? "col";
  return layout(h(`form.w-box.${direction}`, { onsubmit: submit }, children(props, act)), props);
}

function button(props, act) {
  const look =
    props.style ?? (["primary", "danger"].includes(props.color) ? "primary" : "secondary");
  const node = h(
    `button.w-button.${look}.${props.variant ?? "auto"}`,
    {
      type: props.submit ? "submit" : "button",
      disabled: props.disabled,
      "aria-label": props.label ? null : (props.iconStart ?? "Button"),
      onclick: () => act(props.onClickAction),
    },
    props.iconStart ? icon(props.iconStart, 16) : null,
    props.label ?? null,
    props.iconEnd ? icon(props.iconEnd, 16) : null,
  );
  if (props.color === "danger") node.classList.add("danger");
  if (props.block) node.classList.add("block");
  return node;
}

function field(props, value = props.defaultValue, tag = "input") {
  const { name, placeholder, required, disabled, pattern } = props;
  const attributes = { name, placeholder, required, disabled, "aria-label": placeholder ?? name };
  if (tag === "textarea")
    return h("textarea.w-field", { ...attributes, rows: props.rows ?? 3 }, value ?? "");
  return h("input.w-field", { ...attributes, pattern, type: props.inputType ?? "text", value });
}

function select(props, act) {
  const options = props.options.map(({ value, label, disabled }) =>
    h("option", { value, disabled, selected: value === props.defaultValue }, label),
  );
  if (!props.defaultValue)
    options.unshift(h("option", { value: "" }, props.placeholder ?? "Choose"));
  const { name, disabled } = props;
  const label = props.placeholder ?? name;
  return onChange(
    h("select.w-field", { name, disabled, "aria-label": label }, options),
    props,
    act,
  );
}

function checkbox(props, act) {
  const { name, disabled, required, defaultChecked: checked } = props;
  const input = h("input", { type: "checkbox", name, disabled, required, checked });
  return h("label.w-check", {}, onChange(input, props, act), props.label ?? name);
}

function radioGroup(props, act) {
  const options = (props.options ?? []).map(({ value, label, disabled }) => {
    const checked = value === props.defaultValue;
    const input = h("input", { type: "radio", name: props.name, value, checked });
    input.required = Boolean(props.required);
    input.disabled = Boolean(disabled || props.disabled);
    return h("label.w-check", {}, input, label);
  });
  const attributes = { role: "radiogroup", "aria-label": props.ariaLabel ?? props.name };
  return onChange(h(`div.w-box.${props.direction ?? "col"}`, attributes, options), props, act);
}

function onChange(node, { name, onChangeAction }, act) {
  if (!onChangeAction) return node;
  node.addEventListener("change", ({ target }) => {
    act(onChangeAction, { [name]: target.type === "checkbox" ? target.checked : target.value });
  });
  return node;
}

/** A form's values by field name; a checkbox counts as true or false. */
function valuesOf(node) {
  const values = Object.fromEntries(new FormData(node));
  for (const input of node.querySelectorAll("input[type=checkbox]")) {
    values[input.name] = input.checked;
  }
  return values;
}
