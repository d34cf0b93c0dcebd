// Charts over time that stand still until somebody has news: one series, minutes or days on the axis. The numbers come
// with the page as JSON {x: Unix seconds, y: values or null, label, unit, kind}; where a value is missing, there is a gap.
import { colour, onColourChange } from "../colours.js";
import { group } from "../format.js";

const HEIGHT = 180;
const DAY = 86400;
const utc = (unix, options) => new Date(unix * 1000).toLocaleString("en-GB", { timeZone: "UTC", ...options });
const WHOLE = [1, 2, 5].flatMap((lead) => Array.from({ length: 9 }, (_, power) => lead * 10 ** power)).sort((a, b) => a - b);
const MINUTE = { hour: "2-digit", minute: "2-digit" };
const DATE = { day: "numeric", month: "short" };

class SeriesChart {
  #host;
  #series;
  #plot = null;

  constructor(host, series) {
    this.#host = host;
    this.#series = series;
    new ResizeObserver(() => this.#resize()).observe(host);
    onColourChange(() => this.draw());
  }

  show(series) {
    this.#series = series;
    if (this.#plot) this.#plot.setData([series.x, series.y]);
    else this.draw();
  }

  draw() {
    this.#plot?.destroy();
    this.#plot = null;
    const width = this.#host.clientWidth;
    if (width) this.#plot = new uPlot(this.#options(width), [this.#series.x, this.#series.y], this.#host);
  }

  #resize() {
    const width = this.#host.clientWidth;
    if (!this.#plot) this.draw();
    else if (width && width !== this.#plot.width) this.#plot.setSize({ width, height: HEIGHT });
  }

  #options(width) {
    const { label, unit, kind } = this.#series;
    const isDays = kind === "days";
    const isWhole = this.#series.y.every((value) => value === null || Number.isInteger(value)) && !unit;
    const accent = colour("--accent");
    const axis = {
      stroke: colour("--ink-3"),
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { show: false },
      font: '12px "Plex Sans", sans-serif',
      gap: 6,
    };
    const number = (value) => `${words(value)}${unit ? ` ${unit}` : ""}`;
    return {
      width,
      height: HEIGHT,
      padding: [8, 20, 0, 0],
      tzDate: (unix) => uPlot.tzDate(new Date(unix * 1000), "UTC"),
      cursor: { y: false, points: { size: 7 }, drag: { x: false, y: false } },
      scales: { x: { time: true }, y: { range: (_, __, high) => [0, Math.max(1e-8, (high ?? 0) * 1.1) || 1] } },
      axes: [
        { ...axis, size: 26, space: 72, values: (_, ticks) => ticks.map((tick) => utc(tick, isDays ? DATE : MINUTE)), ...(isDays ? { incrs: [DAY, 2 * DAY, 5 * DAY, 7 * DAY, 14 * DAY] } : {}) },
        { ...axis, size: 52, ...(isWhole ? { incrs: WHOLE } : {}), values: (_, ticks) => ticks.map((tick) => words(tick)) },
      ],
      series: [
        { label: isDays ? "day" : "at", value: latest((value) => utc(value, isDays ? DATE : MINUTE)) },
        {
          label,
          stroke: accent,
          width: isDays ? 0 : 1.75,
          fill: isDays ? accent : colour("--accent-wash"),
          points: { show: !isDays, size: 5, fill: accent },
          paths: isDays ? uPlot.paths.bars({ size: [0.6, 40] }) : uPlot.paths.linear(),
          value: latest(number),
        },
      ],
    };
  }
}

// What the legend says: the value under the pointer, else the last one.
function latest(tell) {
  return (plot, value, series, index) => {
    const shown = index === null || index === undefined ? plot.data[series].at(-1) : value;
    return shown == null ? "–" : tell(shown);
  };
}

const words = (value) => (Number.isInteger(value) ? group(value) : String(Number(value.toPrecision(4))));

/** The charts of this page by name. */
export const charts = new Map();
for (const host of document.querySelectorAll("[data-series]")) {
  const source = document.getElementById(host.dataset.series);
  if (source) charts.set(host.dataset.series, new SeriesChart(host, JSON.parse(source.textContent)));
}
