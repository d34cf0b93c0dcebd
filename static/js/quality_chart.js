// Errors of a problem's models over the height of the chain: mean, best, and the best so far.
import { colour, onColourChange } from "./colours.js";
import { group, percent } from "./format.js";
import { logAxes } from "./run_chart.js";

const HEIGHT = 290;
const MOST_DOTS = 120; // beyond that, dots would hide each other
const TICKS = [[1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.8, 2, 2.2, 2.5, 2.8, 3, 3.5, 4, 5, 6, 7, 8, 9], [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8], [1, 2, 3, 5], [1, 3], [1]];
const MOST_TICKS = 7;
const FIRST = 0;
const LAST = 1;
const LEAST = 3;
const MEAN = 4;
const BEST_HEIGHT = 5;
const SO_FAR = 7;

/** Rows of a series -> uPlot's columns [height, best, best so far, mean] in percent; missing blocks are a gap. */
export function toColumns(rows) {
  const columns = [[], [], [], []];
  const push = (...values) => values.forEach((value, i) => columns[i].push(value));
  rows.forEach((row, i) => {
    if (i && row[FIRST] > rows[i - 1][LAST] + 1) push(rows[i - 1][LAST] + 0.5, null, null, null);
    push(row[LAST], row[LEAST] / 10000, row[SO_FAR] / 10000, row[MEAN] / 10000);
  });
  return columns;
}

export class QualityChart {
  #host;
  #data;
  #columns;
  #rowOf;
  #plot = null;

  /** `data` is {blocks, rows} as apps/explorer/charts.py makes it. */
  constructor(host, data) {
    this.#host = host;
    this.#data = data;
    this.#columns = toColumns(data.rows);
    this.#rowOf = new Map(data.rows.map((row) => [row[LAST], row]));
    new ResizeObserver(() => this.#resize()).observe(host);
    host.addEventListener("click", () => this.#open());
    onColourChange(() => this.restyle());
    this.restyle();
  }

  /** Draw anew with the colours and axes of now. */
  restyle() {
    this.#plot?.destroy();
    this.#plot = null;
    const width = this.#host.clientWidth;
    if (width > 0 && this.#data.rows.length) this.#plot = new uPlot(this.#options(width), this.#data.blocks === 1 ? this.#columns.slice(0, 3) : this.#columns, this.#host);
  }

  #resize() {
    const width = this.#host.clientWidth;
    if (!this.#plot) this.restyle();
    else if (width > 0 && width !== this.#plot.width) this.#plot.setSize({ width, height: HEIGHT });
  }

  #rowAt(index) {
    return index === null || index === undefined ? this.#data.rows.at(-1) : this.#rowOf.get(this.#columns[0][index]);
  }

  #open() {
    const index = this.#plot?.cursor.idx;
    const row = index === null || index === undefined ? null : this.#rowAt(index);
    if (row) location.assign(`/blocks/${row[BEST_HEIGHT]}/`);
  }

  #options(width) {
    const axis = {
      stroke: colour("--ink-3"),
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { show: false },
      font: '12px "Plex Sans", sans-serif',
      gap: 4,
    };
    const accent = colour("--accent");
    const splits = logAxes.on ? { splits: (_, __, low, high) => logTicks(low, high) } : {};
    const isEach = this.#data.blocks === 1;
    const dots = this.#data.rows.length <= MOST_DOTS;
    const words = (take) => (_, __, ___, index) => {
      const row = this.#rowAt(index);
      return row ? percent(row[take]) : "–";
    };
    return {
      width,
      height: HEIGHT,
      padding: [10, 12, 0, 0],
      cursor: { y: false, points: { size: 7 } },
      scales: {
        x: { time: false, range: (_, low, high) => [low - room(low, high), high + room(low, high)] },
        error: { distr: logAxes.on ? 3 : 1, range: (_, low, high) => this.#range(low, high) },
      },
      axes: [
        { ...axis, size: 26, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6], values: (_, ticks) => ticks.map((tick) => group(tick)) },
        { ...axis, ...splits, scale: "error", size: 48, filter: (_, ticks) => ticks, values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : `${Number(tick.toPrecision(3))}%`)) },
      ],
      series: [
        { label: "block", value: (_, __, ___, index) => this.#name(this.#rowAt(index)) },
        isEach
          ? { label: "error", class: "of-best", scale: "error", stroke: accent, paths: () => null, points: { show: true, size: 6, fill: accent, stroke: accent }, value: words(LEAST) }
          : { label: "best", class: "of-best", scale: "error", stroke: accent, width: 2, points: { show: dots, size: 5, fill: accent }, value: words(LEAST) },
        { label: "best so far", class: "so-far", scale: "error", stroke: colour("--accepted"), width: 1.5, points: { show: false }, paths: uPlot.paths.stepped({ align: 1 }), value: words(SO_FAR) },
        ...(isEach ? [] : [{ label: "mean", class: "of-mean", scale: "error", stroke: colour("--ink-3"), width: 1, dash: [4, 3], points: { show: false }, value: words(MEAN) }]),
      ],
    };
  }

  #name(row) {
    if (!row) return "–";
    return row[FIRST] === row[LAST] ? group(row[LAST]) : `${group(row[FIRST])} to ${group(row[LAST])}`;
  }

  // Room above and below the data; a logarithmic axis never reaches zero.
  #range(low, high) {
    if (low === null || high === null) return [0.01, 100];
    if (!logAxes.on) return [0, Math.min(100, high * 1.1)];
    return [Math.max(0.0001, low / 1.12), Math.min(100, high * 1.12)];
  }
}

const room = (low, high) => Math.max(0.5, (high - low) / 100);

// Round numbers within a logarithmic range: the densest choice that does not crowd the axis.
function logTicks(low, high) {
  for (const leads of TICKS) {
    const inside = [];
    for (let decade = Math.floor(Math.log10(low)); decade <= Math.log10(high); decade += 1) {
      for (const lead of leads) inside.push(Number((lead * 10 ** decade).toPrecision(3)));
    }
    const found = inside.filter((value) => value >= low && value <= high);
    if (found.length <= MOST_TICKS) return found;
  }
  return [];
}

const host = document.querySelector(".quality-chart");
const source = document.getElementById("quality");
if (host && source) {
  const chart = new QualityChart(host, JSON.parse(source.textContent));
  const button = document.querySelector(".log-switch");
  const show = () => button.setAttribute("aria-pressed", String(logAxes.on));
  show();
  button.addEventListener("click", () => {
    logAxes.on = !logAxes.on;
    show();
    chart.restyle();
  });
}
