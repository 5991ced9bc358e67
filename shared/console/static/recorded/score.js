// The whole conversation at a glance: a line for each step, a row for each person.

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 14; // of a person's row

export class Score {
  #steps = null;
  #people;

  constructor(people) {
    this.#people = people;
    this.node = svg("svg", { class: "lines", preserveAspectRatio: "none", "aria-hidden": "true" });
  }

  render(steps) {
    if (this.#steps === steps) return;
    this.#steps = steps;
    this.node.setAttribute("viewBox", `0 0 ${steps.length} ${this.#people.length * HEIGHT}`);
    const lines = steps.map(({ person, kind, moment }, index) => {
      const top = this.#people.indexOf(person) * HEIGHT;
      const short = moment ? 1 : 4;
      const ends = { y1: top + short, y2: top + HEIGHT - short };
      return svg("line", { class: `${person} ${kind}`, x1: index + 1, x2: index + 1, ...ends });
    });
    this.node.replaceChildren(...lines);
  }
}

function svg(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}
