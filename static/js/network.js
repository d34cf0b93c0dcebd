// The network's page: errors and thresholds over the chain as one chart, kept true while blocks come.
import { colour, onColourChange } from "./colours.js";
import { errorOf, group, percent } from "./format.js";
import { live } from "./live.js";
import { logAxes } from "./run_chart.js";

const HEIGHT = 320;
const POINTS = 200;
const $ = (selector) => document.querySelector(selector);

/** The API's series -> columns: height, worst, best, mean and needed error in percent. */
function toColumns({ points }) {
  const columns = [[], [], [], [], []];
  for (const point of points) {
    const middle = (point.first_height + point.last_height) / 2;
    const values = [middle, point.max_error, point.min_error, point.mean_error, errorOf(point.mean_threshold)];
    values.forEach((value, i) => columns[i].push(i ? value / 10000 : value));
  }
  return columns;
}

class SpanChart {
  #host;
  #plot = null;
  #series = null;

  constructor(host) {
    this.#host = host;
    new ResizeObserver(() => this.#resize()).observe(host);
    onColourChange(() => this.draw());
  }

  show(series) {
    const isAlike = this.#series?.blocks === series.blocks;
    this.#series = series;
    if (this.#plot && isAlike) this.#plot.setData(toColumns(series));
    else this.draw();
  }

  draw() {
    this.#plot?.destroy();
    this.#plot = null;
    this.#host.toggleAttribute("data-band", this.#series?.blocks > 1);
    const width = this.#host.clientWidth;
    if (width && this.#series?.points.length) this.#plot = new uPlot(this.#options(width), toColumns(this.#series), this.#host);
  }

  #resize() {
    const width = this.#host.clientWidth;
    if (!this.#plot) this.draw();
    else if (width && width !== this.#plot.width) this.#plot.setSize({ width, height: HEIGHT });
  }

  #options(width) {
    const accent = colour("--accent");
    const grid = { stroke: colour("--line"), width: 1 };
    const axis = { stroke: colour("--ink-3"), grid, ticks: { show: false }, font: '12px "Plex Sans", sans-serif', gap: 6 };
    const isBand = this.#series.blocks > 1;
    const words = { value: (_, value) => (value == null ? "–" : percent(value * 10000)) };
    const hidden = { show: isBand, stroke: "transparent", points: { show: false }, ...words };
    return {
      width,
      height: HEIGHT,
      padding: [8, 8, 0, 0],
      cursor: { y: false, points: { size: 7 } },
      scales: { x: { time: false, range: fit }, y: { distr: logAxes.on ? 3 : 1, dir: -1, range } }, // better is up, as in the picture of a round
      axes: [
        { ...axis, size: 36, label: "block", labelSize: 16, labelGap: 0, labelFont: axis.font, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6], values: (_, ticks) => ticks.map(group) },
        { ...axis, size: 52, filter: (_, ticks) => ticks, ...(logAxes.on ? { splits: (_, __, low, high) => ticksOf(low, high) } : {}), values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : trim(percent(tick * 10000)))) },
      ],
      bands: isBand ? [{ series: [1, 2], fill: colour("--accent-wash") }] : [],
      series: [
        { label: isBand ? "around block" : "block", value: (_, value) => (value == null ? "–" : group(value)) },
        { label: "worst", ...hidden },
        { label: "best", ...hidden },
        { label: isBand ? "mean error" : "error", stroke: accent, width: 1.75, points: { show: this.#series.points.length < 80, size: 5, fill: accent }, ...words },
        { label: "needed", stroke: colour("--accepted"), width: 1.5, dash: [5, 4], points: { show: false }, ...words },
      ],
    };
  }
}

const trim = (text) => text.replace(/\.?0+%$/, "%");
// A single block has no width: it stands in the middle.
const fit = (_, low, high) => (low === high ? [low - 1, high + 1] : [low, high]);

function range(_, low, high) {
  if (low === null || !Number.isFinite(low)) return [1, 100];
  if (!logAxes.on) return [0, Math.min(100, high * 1.08)];
  return [Math.max(0.0001, low / 1.15), Math.min(100, high * 1.15)];
}

function ticksOf(low, high) {
  for (const leads of [[1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 5, 7], [1, 2, 5], [1]]) {
    const ticks = [];
    for (let decade = Math.floor(Math.log10(low)); decade <= Math.log10(high); decade += 1) {
      for (const lead of leads) ticks.push(Number((lead * 10 ** decade).toPrecision(3)));
    }
    const inside = ticks.filter((tick) => tick >= low && tick <= high);
    if (inside.length <= 8) return inside;
  }
  return [];
}

const series = JSON.parse($("#series").textContent);
const chart = $("#span-chart") ? new SpanChart($("#span-chart")) : null;
let height = series.last;

function span() {
  return $(".spans [aria-current]")?.dataset.blocks ?? "200";
}

async function load() {
  const from = span() === "all" ? 1 : Math.max(1, height - Number(span()) + 1);
  try {
    const response = await fetch(`/api/v1/statistics?from=${from}&points=${POINTS}`);
    if (!response.ok) return;
    const found = await response.json();
    chart.show(found);
    tell(found);
  } catch {
    // The server is away: what is shown stays.
  }
}

function tell(found) {
  const point = found.blocks > 1 ? `Each point is the mean of ${group(found.blocks)} blocks, the pale band reaches from the best to the worst of them.` : "Each point is a block.";
  $("[data-note]").textContent = `${point} Better is up. No block is below the dashed line: that is what was needed.`;
}

async function refresh() {
  const place = $("#network-now");
  try {
    const response = await fetch(place.dataset.now);
    if (!response.ok) return;
    const holder = document.createElement("template");
    holder.innerHTML = await response.text();
    for (const fresh of holder.content.querySelectorAll("[data-number]")) {
      const old = place.querySelector(`[data-number="${fresh.dataset.number}"]`);
      if (!old || old.textContent === fresh.textContent) continue;
      fresh.classList.add("changed");
      old.replaceWith(fresh);
    }
    const times = [holder.content, place].map((root) => root.querySelector("time"));
    if (times[0].dataset.unix !== times[1].dataset.unix) times[1].parentElement.replaceWith(times[0].parentElement);
  } catch {
    // As above.
  }
}

function setHeight(value) {
  if (value === height) return;
  height = value;
  refresh();
  if (chart) load();
}

if (chart) {
  chart.show(series);
  for (const link of document.querySelectorAll(".spans a")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      $(".spans [aria-current]")?.removeAttribute("aria-current");
      link.setAttribute("aria-current", "true");
      history.replaceState(null, "", link.href.replace(/#.*/, ""));
      load();
    });
  }
  const button = $(".log-switch");
  const name = () => button.setAttribute("aria-pressed", String(logAxes.on));
  button.addEventListener("click", () => {
    logAxes.on = !logAxes.on;
    name();
    chart.draw();
  });
  name();
}
live.subscribe("tip", {
  snapshot: (tip) => tip.blocks[0] && setHeight(tip.blocks[0].height),
  delta: ({ block, kind }) => setHeight(kind === "connected" ? block.height : block.height - 1),
});
live.subscribe("round", { snapshot: refresh, delta: refresh });
