// The dry run: a few networks that are really trained, their curves while they learn, and a verdict in words.
import { colour, onColourChange } from "../colours.js";
import { percent, si } from "../format.js";
import { element, icon, state } from "../wallet/dom.js";

const COLOURS = ["--layer-conv", "--layer-fc", "--layer-separable", "--layer-residual", "--layer-output", "--layer-reduce"];
const STATES = {
  training: ["waiting", "hourglass", "training"],
  scoring: ["waiting", "hourglass", "scoring"],
  finished: ["accepted", "circle-check", "finished"],
  abandoned: ["stale", "circle-dashed", "given up"],
  cancelled: ["stale", "circle-dashed", "cancelled"],
  failed: ["refused", "circle-x", "failed"],
};
const TRIVIAL = 10000; // ppm: what a short training gets below is too easy
const LEARNT = 0.95; // of guessing: not better than this is luck

export const isOver = (trial) => !["training", "scoring"].includes(trial.state);

/** What the errors of a dry run say, as {kind, sign, words}; null while nothing is known. */
export function judge(trials, { guess, floor, isComplete }) {
  const done = trials.filter((trial) => isOver(trial) && trial.error !== null);
  if (!done.length) return isComplete ? { kind: "refused", sign: "circle-x", words: "No network could be trained. The active grammar may give none within these sizes." } : null;
  const best = Math.min(...done.map((trial) => trial.error));
  const worst = Math.max(...done.map((trial) => trial.error));
  const so = isComplete ? "" : "So far: ";
  if (best >= guess * LEARNT) return { kind: "refused", sign: "circle-x", words: `${so}Unlearnable, it seems: the best network errs in ${percent(best)}, guessing in ${percent(guess)}. Look whether the right column is the class, and whether the columns say anything about it.` };
  if (worst < TRIVIAL) return { kind: "waiting", sign: "alert-triangle", words: `${so}Trivial, it seems: every network errs in less than ${percent(TRIVIAL)} after seconds. Look whether a column gives the class away.` };
  if (best > floor) return { kind: "waiting", sign: "alert-triangle", words: `${so}Learnable, but the best network errs in ${percent(best)}, more than the ${percent(floor)} that count. Longer training may get there; a higher floor would be safer.` };
  return { kind: "accepted", sign: "circle-check", words: `${so}Learnable: the best network errs in ${percent(best)} after seconds, guessing in ${percent(guess)}, and up to ${percent(floor)} counts.` };
}

/** All curves in one picture, a card for each network below. */
export class TrialPicture {
  #list;
  #chart = element("div", { class: "trial-chart" });
  #cards = new Map();
  #plot = null;
  #shown = "";
  #last = null;
  #glyphUrl;

  constructor(list, glyphUrl) {
    this.#list = list;
    this.#glyphUrl = glyphUrl;
    list.before(this.#chart);
    onColourChange(() => this.#draw());
    new ResizeObserver(() => this.#plot?.setSize({ width: this.#chart.clientWidth, height: 240 })).observe(this.#chart);
  }

  /** Show these trials against `guess` and `floor`, in parts per million. */
  show(trials, { guess, floor, shape, classes }) {
    for (const trial of trials) this.#fill(trial, { shape, classes });
    for (const [number, card] of this.#cards) {
      if (trials.some((trial) => trial.number === number)) continue;
      card.remove();
      this.#cards.delete(number);
    }
    this.#last = { trials: trials.filter((trial) => trial.curve.length), guess, floor };
    this.#draw();
  }

  #fill(trial, { shape, classes }) {
    let card = this.#cards.get(trial.number);
    if (!card) {
      card = element("li", { class: "trial" },
        element("div", { class: "trial-head" },
          element("span", { class: `trial-name trial-${trial.number % COLOURS.length}` }, `Network ${trial.number + 1}`), element("span", { "data-state": "" })),
        element("div", { class: "trial-glyph" }),
        element("p", { class: "architecture-text" }, trial.text),
        element("p", { class: "quiet" }, `${si(trial.parameters)} parameters, ${si(trial.macs)} MACs`),
        element("p", { class: "trial-error num", "data-error": "" }));
      this.#cards.set(trial.number, card);
      this.#list.append(card);
      drawGlyph(card.querySelector(".trial-glyph"), this.#glyphUrl, { text: trial.text, shape: shape.join(","), classes });
    }
    card.querySelector("[data-state]").replaceChildren(state(...(STATES[trial.state] ?? ["stale", "dots", trial.state])));
    card.querySelector("[data-error]").textContent = trial.error === null ? "–" : percent(trial.error);
  }

  #draw() {
    const { trials = [], guess, floor } = this.#last ?? {};
    if (!trials.length || this.#chart.clientWidth === 0) return this.#clear();
    const points = trials.map((trial) => trial.curve.filter((point) => point[3] !== null));
    const end = Math.max(0.1, ...points.flat().map((point) => point[0]));
    const flat = (value) => [[0, end], [value / 10000, value / 10000]];
    const data = uPlot.join([
      ...points.map((curve) => [curve.map((point) => point[0]), curve.map((point) => Math.max(point[3], 1) / 10000)]),
      flat(guess),
      flat(floor),
    ]);
    const key = trials.map((trial) => trial.number).join() + getComputedStyle(document.documentElement).colorScheme + colour("--ink");
    if (this.#plot && key === this.#shown) return this.#plot.setData(data);
    this.#clear();
    this.#shown = key;
    this.#plot = new uPlot(this.#options(trials), data, this.#chart);
  }

  #clear() {
    this.#plot?.destroy();
    this.#plot = null;
  }

  #options(trials) {
    const axis = { stroke: colour("--ink-3"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px Plex Mono, monospace" };
    const latest = (words) => (plot, value, series, index) => {
      const shown = index === null || index === undefined ? plot.data[series].findLast((one) => one !== null && one !== undefined) : value;
      return shown === null || shown === undefined ? "–" : words(shown);
    };
    const line = (label, stroke, more) => ({ label, stroke, width: 2, spanGaps: true, points: { show: false }, value: latest((value) => percent(value * 10000)), ...more });
    return {
      width: this.#chart.clientWidth,
      height: 240,
      cursor: { y: false },
      scales: { x: { time: false }, y: { distr: 3, range: (plot, low, high) => [Math.max(0.01, (low ?? 1) / 1.3), Math.min(110, (high ?? 100) * 1.3)] } },
      axes: [
        { ...axis, values: (plot, ticks) => ticks.map((tick) => `${tick} s`) },
        { ...axis, size: 60, splits: (plot, at, low, high) => steps(low, high), values: (plot, ticks) => ticks.map((tick) => `${tick}%`) },
      ],
      series: [
        { label: "at", value: latest((value) => `${value.toFixed(1)} s`) },
        ...trials.map((trial) => line(`network ${trial.number + 1}`, colour(COLOURS[trial.number % COLOURS.length]))),
        line("guessing", colour("--refused"), { width: 1.25, dash: [4, 4] }),
        line("worst that counts", colour("--accepted"), { width: 1.25, dash: [2, 3] }),
      ],
    };
  }
}

// Round numbers within a range of a logarithmic axis.
function steps(low, high) {
  const all = [];
  for (let decade = -2; decade <= 2; decade += 1) for (const lead of [1, 2, 5]) all.push(Number((lead * 10 ** decade).toPrecision(1)));
  return all.filter((value) => value >= low && value <= Math.min(high, 100));
}

/** The server draws every glyph, so that there is one geometry. */
export async function drawGlyph(host, url, query) {
  try {
    const response = await fetch(`${url}?${new URLSearchParams(query)}`);
    if (!response.ok) return;
    const drawing = new DOMParser().parseFromString(await response.text(), "image/svg+xml").documentElement;
    if (drawing.localName === "svg") host.replaceChildren(document.importNode(drawing, true));
  } catch {
    // Without the site there is no drawing; the text beside it says the same.
  }
}

/** The verdict as an element. */
export function showVerdict(host, verdict) {
  const words = verdict ? `${verdict.kind} ${verdict.words}` : "";
  if (host.dataset.shown === words) return;
  host.dataset.shown = words;
  host.replaceChildren();
  if (verdict) host.append(element("p", { class: `verdict-words verdict-${verdict.kind}` }, icon(verdict.sign), element("span", {}, verdict.words)));
}
