// The trainings as cards. Each card is a place that keeps its training until another one needs it, so that nothing
// moves under the pointer: a new training takes the place of the one that ended first.
import { percent, si, group, errorOf } from "./format.js";
import { RunChart, logAxes } from "./run_chart.js";
import { ACTIVE } from "./run_store.js";
import { onColourChange } from "./colours.js";

const PLACES = 6;
const ROW = 3;
const WORDS = {
  training: ["training", "active"],
  scoring: ["being scored", "waiting"],
  submitted: ["handed in", "waiting"],
  finished: ["finished", "stale"],
  abandoned: ["given up", "stale"],
  cancelled: ["cancelled by a new block", "stale"],
};
const ICONS = { training: "chart-line", scoring: "hourglass", submitted: "hourglass", finished: "circle-check", abandoned: "circle-x", cancelled: "circle-x" };

export class RunCards {
  #list;
  #template;
  #more;
  #empty;
  #places = []; // {element, id, chart, state}
  #thresholdAt;

  constructor(section, thresholdAt) {
    this.#list = section.querySelector(".runs");
    this.#template = section.querySelector("template");
    this.#more = section.querySelector(".runs-more");
    this.#empty = section.querySelector(".runs-empty");
    this.#thresholdAt = thresholdAt;
    this.#list.replaceChildren();
    const button = section.querySelector(".log-switch");
    const name = () => button.setAttribute("aria-pressed", String(logAxes.on));
    button.addEventListener("click", () => {
      logAxes.on = !logAxes.on;
      name();
      this.#restyle();
    });
    name();
    onColourChange(() => this.#restyle());
  }

  /** Show these runs (in the order in which they began). */
  show(runs) {
    const known = new Map(runs.map((run) => [run.id, run]));
    for (const place of this.#places) if (!known.has(place.id)) place.id = null;
    const shown = new Set(this.#places.map((place) => place.id));
    const waiting = runs.filter((run) => !shown.has(run.id) && ACTIVE.has(run.state));
    if (!shown.size && !waiting.length) waiting.push(...runs.slice(-PLACES));
    for (const run of waiting) this.#settle(run, known);
    for (const place of this.#places) if (place.id !== null) this.#fill(place, known.get(place.id));
    this.#dropEmpty(runs.length === 0);
    const hidden = runs.filter((run) => ACTIVE.has(run.state)).length - this.#activeShown(known);
    this.#more.hidden = hidden <= 0;
    this.#more.textContent = hidden === 1 ? "One more training runs." : `${hidden} more trainings run.`;
    this.#empty.hidden = this.#places.length > 0;
  }

  #activeShown(known) {
    return this.#places.filter((place) => ACTIVE.has(known.get(place.id)?.state)).length;
  }

  // A free place; then, once there is a row of them, the place of the training that ended first; then a new one.
  #settle(run, known) {
    const isOver = (place) => !ACTIVE.has(known.get(place.id)?.state) && !place.element.matches(":hover");
    const over = this.#places.filter(isOver).sort((a, b) => known.get(a.id)?.started - known.get(b.id)?.started);
    let place = this.#places.find((one) => one.id === null);
    if (!place && this.#places.length >= ROW) place = over[0];
    if (!place && this.#places.length < PLACES) place = this.#open();
    if (place) this.#begin(place, run);
  }

  #open() {
    const element = this.#template.content.firstElementChild.cloneNode(true);
    this.#list.append(element);
    const place = { element, id: null, chart: new RunChart(element.querySelector(".run-chart")), state: null };
    this.#places.push(place);
    return place;
  }

  // Places without a training stay until the page has nothing to show, or are reused.
  #dropEmpty(all) {
    if (!all) return;
    for (const place of this.#places) place.element.remove();
    this.#places = [];
  }

  #begin(place, run) {
    const { element } = place;
    place.id = run.id;
    place.state = null;
    element.dataset.run = run.id;
    element.querySelector(".architecture-text").textContent = run.text;
    element.querySelector("[data-parameters]").textContent = si(run.parameters);
    element.querySelector("[data-macs]").textContent = si(run.macs);
    element.querySelector("[data-nonce]").textContent = group(run.nonce);
    element.classList.remove("arrived");
    void element.offsetWidth;
    element.classList.add("arrived");
    drawGlyph(element.querySelector(".run-glyph"), run.text);
  }

  #fill(place, run) {
    const { element } = place;
    if (place.state !== run.state) this.#tellState(place, run);
    const error = element.querySelector("[data-error]");
    const words = run.error === null || run.error === undefined ? "–" : percent(run.error);
    if (error.textContent !== words) {
      error.textContent = words;
      error.classList.remove("changed");
      void error.offsetWidth;
      error.classList.add("changed");
    }
    const progress = element.querySelector("progress");
    progress.max = Math.max(1, run.total_steps);
    progress.value = Math.min(run.steps, progress.max);
    progress.setAttribute("aria-valuetext", `step ${run.steps} of ${run.total_steps}`);
    element.querySelector("[data-steps]").textContent = `${group(run.steps)} / ${group(run.total_steps)}`;
    place.chart.show(run.curve, (second) => {
      const value = this.#thresholdAt(run.started + second);
      return value === null ? null : errorOf(value);
    });
  }

  #tellState(place, run) {
    place.state = run.state;
    const [words, kind] = WORDS[run.state] ?? [run.state, "stale"];
    const badge = place.element.querySelector(".state");
    badge.className = `state state-${kind}`;
    badge.querySelector("span").textContent = words;
    const use = badge.querySelector("use");
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, `#${ICONS[run.state] ?? "dots"}`));
    place.element.classList.toggle("run-over", !ACTIVE.has(run.state));
  }

  #restyle() {
    for (const place of this.#places) place.chart.restyle();
  }
}

/** The server draws every glyph, so that there is one geometry; its answer is cached for ever. */
async function drawGlyph(host, text) {
  host.replaceChildren();
  const query = new URLSearchParams({ text, shape: host.dataset.shape, classes: host.dataset.classes });
  try {
    const response = await fetch(`${host.dataset.url}?${query}`);
    if (!response.ok) return;
    const drawing = new DOMParser().parseFromString(await response.text(), "image/svg+xml").documentElement;
    if (host.isConnected) host.replaceChildren(document.importNode(drawing, true));
  } catch {
    // The connection is lost; the text beside it says the same.
  }
}
