// From a widget's style properties to CSS. Values come from the server: colours and lengths only.

const TEXT = {
  prose: "--text",
  primary: "--text",
  emphasis: "--text",
  secondary: "--text-2",
  tertiary: "--text-3",
  success: "--success",
  warning: "--warning",
  danger: "--danger",
};
const SURFACE = {
  surface: "--surface",
  "surface-secondary": "--surface-2",
  "surface-tertiary": "--surface-3",
  "surface-elevated": "--surface",
  "surface-elevated-secondary": "--surface-2",
};
const BORDER = { default: "--line", subtle: "--line", strong: "--line-strong" };
const HUES = { red: 4, orange: 28, yellow: 46, green: 146, blue: 216, purple: 268, pink: 330 };
const RADII = {
  none: 0,
  "2xs": 2,
  xs: 4,
  sm: 6,
  md: 8,
  lg: 12,
  xl: 16,
  "2xl": 20,
  "3xl": 24,
  "4xl": 32,
};
const FLEX = {
  start: "flex-start",
  end: "flex-end",
  between: "space-between",
  around: "space-around",
  evenly: "space-evenly",
};
const LENGTHS = ["width", "height", "minWidth", "minHeight", "maxWidth", "maxHeight"];

/** Lengths: numbers are multiples of `unit` pixels, strings are CSS. */
export const length = (value, unit = 1) =>
  typeof value === "number" ? `${value * unit}px` : value;

/** A colour: a token, "red-500", a CSS colour, or { light, dark } of these. */
export function color(value, tokens = TEXT) {
  if (value && typeof value === "object") {
    return `light-dark(${color(value.light, tokens)}, ${color(value.dark, tokens)})`;
  }
  if (tokens[value]) return `var(${tokens[value]})`;
  const [, hue, step] = /^([a-z]+)-(\d{2,3})$/.exec(value) ?? [];
  if (!step) return value;
  const saturation = hue in HUES ? 70 : 6;
  return `hsl(${HUES[hue] ?? 220} ${saturation}% ${Math.max(8, 100 - step / 10)}%)`;
}

/** Set a property unless it would load something. */
export function put(node, property, value) {
  if (value === null || value === undefined || /url|image|\\/i.test(value)) return;
  node.style.setProperty(property, value);
}

function spacing(node, property, value) {
  if (value === null || value === undefined) return;
  if (typeof value !== "object") return put(node, property, length(value, 4));
  const { x, y } = value;
  const sides = { top: y, bottom: y, left: x, right: x, ...value };
  for (const side of ["top", "right", "bottom", "left"]) {
    put(node, `${property}-${side}`, length(sides[side], 4));
  }
}

function border(node, property, value) {
  if (typeof value === "number") return put(node, property, `${value}px solid var(--line)`);
  if (!value) return;
  if ("size" in value) {
    const tint = color(value.color ?? "default", BORDER);
    return put(node, property, `${value.size}px ${value.style ?? "solid"} ${tint}`);
  }
  const { x, y } = value;
  const sides = { top: y, bottom: y, left: x, right: x, ...value };
  for (const side of ["top", "right", "bottom", "left"])
    border(node, `border-${side}`, sides[side]);
}

/** Everything a Box, Row, Col, Form or Image may say about its shape. */
export function layout(node, props) {
  if (props.size !== undefined && typeof props.size !== "string") {
    put(node, "width", length(props.size));
    put(node, "height", length(props.size));
  }
  for (const name of LENGTHS) {
    put(
      node,
      name.replace(/[A-Z]/, (letter) => `-${letter.toLowerCase()}`),
      length(props[name]),
    );
  }
  put(node, "gap", length(props.gap, 4));
  put(node, "align-items", FLEX[props.align] ?? props.align);
  put(node, "justify-content", FLEX[props.justify] ?? props.justify);
  put(node, "flex-wrap", props.wrap);
  put(node, "flex", props.flex);
  put(node, "aspect-ratio", props.aspectRatio);
  spacing(node, "padding", props.padding);
  spacing(node, "margin", props.margin);
  border(node, "border", props.border);
  if (props.radius in RADII) put(node, "border-radius", `${RADII[props.radius]}px`);
  else if (props.radius) put(node, "border-radius", "999px");
  if (props.background) put(node, "background-color", color(props.background, SURFACE));
  return node;
}

/** What Text, Title, Caption, Label and Icon may say about their letters. */
export function type(node, props) {
  if (props.color) put(node, "color", color(props.color));
  put(node, "text-align", props.textAlign);
  put(node, "width", length(props.width));
  if (props.weight) node.classList.add(`weight-${props.weight}`);
  if (props.size) node.classList.add(`size-${props.size}`);
  if (props.italic) node.classList.add("italic");
  if (props.lineThrough) node.classList.add("struck");
  if (props.truncate) node.classList.add("truncate");
  if (props.maxLines) {
    node.classList.add("clamp");
    put(node, "--lines", String(props.maxLines));
  }
  return node;
}

export const rule = (node, props) => {
  put(node, "border-color", props.color && color(props.color, BORDER));
  put(node, "border-top-width", length(props.size));
  put(node, "margin-block", length(props.spacing, 4));
  return node;
};
