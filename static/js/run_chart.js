// Curves of one training: loss, validation error, and the threshold at that moment as a line.
import { colour } from "./colours.js";
import { percent } from "./format.js";

const GAP = 8; // seconds without a point after which the loss curve is broken, not joined
const MOST_TICKS = 6;
const LOG_KEY = "coinai-log-curves";

/** Whether curves have logarithmic axes; remembered. */
export const logAxes = {
  get on() {
    try {
      return localStorage.getItem(LOG_KEY) !== "no";
    } catch {
      return true;
    }
  },
  set on(value) {
    try {
      localStorage.setItem(LOG_KEY, value ? "yes" : "no");
    } catch {
      // Storage is forbidden here: the choice lasts as long as the page.
    }
  },
};

/** Rows [seconds, step, loss, error] and a threshold function -> uPlot's columns; silence becomes a gap. */
export function toColumns(curve, thresholdAt) {
  const columns = [[], [], [], []];
  let previous = null;
  for (const [second, , loss, error] of curve) {
    if (previous !== null && second - previous > GAP) push(columns, previous + 0.001, null, null, null);
    push(columns, second, loss, error === null ? undefined : error / 10000, thresholdAt ? thresholdAt(second) / 10000 : null);
    previous = second;
  }
  return columns;
}

function push(columns, ...row) {
  row.forEach((value, i) => columns[i].push(value));
}

const trim = (text) => text.replace(/\.?0+%$/, "%");

export class RunChart {
  #host;
  #plot = null;
  #columns = [[], [], [], []];
  #height;

  constructor(host, { height = 148 } = {}) {
    this.#host = host;
    this.#height = height;
    new ResizeObserver(() => this.#resize()).observe(host);
  }

  /** Show this curve; `thresholdAt(seconds)` is the threshold as an error in parts per million, or null. */
  show(curve, thresholdAt) {
    this.#columns = toColumns(curve, thresholdAt);
    if (!curve.length) this.#clear();
    else if (!this.#plot) this.restyle();
    else this.#plot.setData(this.#columns);
  }

  /** Draw anew with the colours and axes of now. */
  restyle() {
    this.#clear();
    const width = this.#host.clientWidth;
    if (width > 0 && this.#columns[0].length) this.#plot = new uPlot(this.#options(width), this.#columns, this.#host);
  }

  #clear() {
    this.#plot?.destroy();
    this.#plot = null;
  }

  #resize() {
    const width = this.#host.clientWidth;
    if (!this.#plot) this.restyle();
    else if (width > 0 && width !== this.#plot.width) this.#plot.setSize({ width, height: this.#height });
  }

  #options(width) {
    const ink = colour("--ink-3");
    const accent = colour("--accent");
    const grid = { stroke: colour("--line"), width: 1 };
    const axis = { stroke: ink, grid, ticks: { show: false }, font: '11px "Plex Sans", sans-serif', gap: 4 };
    const distribution = logAxes.on ? 3 : 1;
    const splits = logAxes.on ? { splits: (_, __, low, high) => roundNumbers(low, high) } : {};
    const write = (words) => (_, ticks) => ticks.map((value) => (value === null ? "" : words(value)));
    return {
      width,
      height: this.#height,
      padding: [8, 4, 0, 0],
      cursor: { y: false, points: { size: 6 } },
      scales: {
        x: { time: false },
        loss: { distr: distribution, range: this.#range(0.001) },
        error: { distr: distribution, range: this.#range(0.01, 100) },
      },
      axes: [
        { ...axis, size: 24, values: write((value) => `${value} s`) },
        { ...axis, ...splits, scale: "error", stroke: accent, size: 40, values: write((value) => trim(percent(value * 10000))) },
        { ...axis, ...splits, scale: "loss", side: 1, size: 32, grid: { show: false }, values: write(String) },
      ],
      series: [
        { label: "at", value: latest((value) => `${value.toFixed(1)} s`) },
        { label: "loss", scale: "loss", stroke: colour("--line-strong"), width: 1.25, points: { show: false }, value: latest((value) => value.toFixed(3)) },
        { label: "error", scale: "error", stroke: accent, width: 2, spanGaps: true, points: { show: true, size: 5, fill: accent }, value: latest((value) => percent(value * 10000)) },
        { label: "threshold", scale: "error", stroke: colour("--accepted"), width: 1.25, dash: [4, 3], points: { show: false }, paths: uPlot.paths.stepped({ align: 1 }), value: latest((value) => percent(value * 10000)) },
      ],
    };
  }

  // Room above and below the data; logarithmic axes never reach zero.
  #range(least, most = Infinity) {
    return (_, low, high) => {
      if (low === null || high === null || !Number.isFinite(low)) return [least, Math.min(most, 100)];
      if (!logAxes.on) return [0, Math.min(most, high * 1.08 || 1)];
      return [Math.max(least, low / 1.3), Math.min(most, Math.max(high * 1.15, low * 2))];
    };
  }
}

// What the legend says: the value under the pointer, else the latest one.
function latest(words) {
  return (plot, value, series, index) => {
    const shown = index === null || index === undefined ? plot.data[series].findLast((one) => one != null) : value;
    return shown == null ? "–" : words(shown);
  };
}

// Round numbers within a logarithmic range, as many as fit.
function roundNumbers(low, high) {
  for (const leads of [[1, 2, 3, 5, 7], [1, 2, 5], [1]]) {
    const found = [];
    for (let decade = Math.floor(Math.log10(low)); decade <= Math.log10(high); decade += 1) {
      for (const lead of leads) found.push(Number((lead * 10 ** decade).toPrecision(3)));
    }
    const inside = found.filter((value) => value >= low && value <= high);
    if (inside.length <= MOST_TICKS) return inside;
  }
  return [];
}
