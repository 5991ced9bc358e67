// Line icons on a 24 by 24 grid. Drawn, not typed: an emoji is an empty box on many machines.

const SVG = "http://www.w3.org/2000/svg";

const circle = (x, y, r) => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`;

const PATHS = {
  alert: ["M12 4 2.8 19.5h18.4z", "M12 10v4", "M12 17v.01"],
  "arrow-down": ["M12 5v14", "m6 13 6 6 6-6"],
  "arrow-up": ["M12 19V5", "m6 11 6-6 6 6"],
  back: ["m15 6-6 6 6 6"],
  bolt: ["M13 3 5 14h6l-1 7 8-11h-6z"],
  calendar: ["M4 6h16v14H4z", "M4 10.5h16", "M8 3.5v4", "M16 3.5v4"],
  check: ["m5 12.5 4.5 4.5L19 7"],
  "check-circle": [circle(12, 12, 9), "m8 12.3 2.8 2.8L16 9.5"],
  "chevron-down": ["m6 9 6 6 6-6"],
  "chevron-right": ["m9 6 6 6-6 6"],
  clock: [circle(12, 12, 9), "M12 7v5.2l3.3 2"],
  close: ["m6 6 12 12", "M18 6 6 18"],
  compose: [
    "M12 4.5H6a2 2 0 0 0-2 2V18a2 2 0 0 0 2 2h11.5a2 2 0 0 0 2-2v-6",
    "M19.6 4.4a1.9 1.9 0 0 0-2.7 0L9.5 11.8 9 15l3.2-.5 7.4-7.4a1.9 1.9 0 0 0 0-2.7z",
  ],
  copy: ["M9 9h11v11H9z", "M5.5 15H4V4h11v1.5"],
  document: ["M6 3h8l4.5 4.5V21H6z", "M14 3v5h4.5"],
  dot: [circle(12, 12, 3)],
  first: ["M7 6v12", "m17 6-6 6 6 6"],
  forward: ["m9 6 6 6-6 6"],
  globe: [circle(12, 12, 9), "M3 12h18", "M12 3c5 5 5 13 0 18", "M12 3c-5 5-5 13 0 18"],
  history: ["M4 5v4.5h4.5", "M4.6 9.5A8.5 8.5 0 1 1 3.5 13", "M12 8v4.5l3 1.8"],
  info: [circle(12, 12, 9), "M12 11v5.5", "M12 7.6v.01"],
  last: ["M17 6v12", "m7 6 6 6-6 6"],
  lightbulb: ["M9 17.5h6", "M10 21h4", "M9 17.5c0-2.5-3-4-3-8a6 6 0 0 1 12 0c0 4-3 5.5-3 8"],
  mail: ["M3.5 6h17v12.5h-17z", "m4 7 8 6 8-6"],
  pause: ["M9 6v12", "M15 6v12"],
  pencil: ["M19 5a2.1 2.1 0 0 0-3 0L5 16l-1 4 4-1L19 8a2.1 2.1 0 0 0 0-3z", "m14.5 6.5 3 3"],
  play: ["M8 5.5 18.5 12 8 18.5z"],
  plug: ["M9 3v5", "M15 3v5", "M6.5 8h11v3a5.5 5.5 0 0 1-11 0z", "M12 16.5V21"],
  plus: ["M12 5v14", "M5 12h14"],
  reload: ["M20 5v4.5h-4.5", "M19.4 9.5A8.5 8.5 0 1 0 20.5 13"],
  search: [circle(10.5, 10.5, 6.5), "m20 20-4.7-4.7"],
  send: ["M12 19V5", "m6 11 6-6 6 6"],
  "skip-back": ["m12 6-6 6 6 6", "m18 6-6 6 6 6"],
  "skip-forward": ["m6 6 6 6-6 6", "m12 6 6 6-6 6"],
  sparkle: ["M12 3.5 14 10l6.5 2-6.5 2-2 6.5L10 14l-6.5-2L10 10z"],
  star: ["m12 3.5 2.6 5.5 6 .8-4.4 4.2 1.1 6-5.3-2.9L6.7 20l1.1-6L3.4 9.8l6-.8z"],
  stop: ["M7 7h10v10H7z"],
  "thumb-down": [
    "M17 4h3.5v9H17",
    "M17 13l-4 7.5c-1.5 0-2.5-1-2.5-2.5V15H5.5a2 2 0 0 1-2-2.4l1.3-7A2 2 0 0 1 6.8 4H17z",
  ],
  "thumb-up": [
    "M7 20H3.5v-9H7",
    "M7 11l4-7.5c1.5 0 2.5 1 2.5 2.5v3h5a2 2 0 0 1 2 2.4l-1.3 7a2 2 0 0 1-2 1.6H7z",
  ],
  tool: [
    "M14.5 6.5a4.5 4.5 0 0 1 5.8-2.3l-3 3 .5 2 2 .5 3-3a4.5 4.5 0 0 1-6 5.8L8.5 20.7a2.1 2.1 0 0 1-3-3l8.3-8.3a4.5 4.5 0 0 1 .7-2.9z",
  ],
  trash: ["M4.5 7h15", "M9.5 7V4.5h5V7", "m6.5 7 .8 13h9.4l.8-13", "M10.5 11v5.5", "M13.5 11v5.5"],
  user: [circle(12, 8, 4), "M4.5 20.5c.8-4 3.8-6 7.5-6s6.7 2 7.5 6"],
};

const ALIASES = {
  "book-open": "document",
  "circle-question": "info",
  "check-circle-filled": "check-circle",
  "external-link": "arrow-up",
  "notebook-pencil": "compose",
  "page-blank": "document",
  notebook: "document",
  profile: "user",
  "sparkle-double": "sparkle",
  "square-text": "document",
  "star-filled": "star",
  write: "pencil",
  "write-alt": "pencil",
  "write-alt2": "pencil",
};

/** An SVG node, hidden from assistive technology: the control it sits in carries the name. */
export function icon(name, size = 18) {
  const svg = document.createElementNS(SVG, "svg");
  const attributes = { viewBox: "0 0 24 24", width: size, height: size, "aria-hidden": "true" };
  for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, value);
  svg.classList.add("icon");
  const plain = String(name).replace(/^(lucide|vendor):/, "");
  for (const d of PATHS[ALIASES[plain] ?? plain] ?? PATHS.dot) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}
