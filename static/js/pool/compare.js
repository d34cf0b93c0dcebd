// Curves of several trainings in one picture, growing while they train. What is drawn and how is remembered.
import { colour, onColourChange } from "../colours.js";
import { group, percent } from "../format.js";
import { live } from "../live.js";
import { logAxes } from "../run_chart.js";
import { RunStore } from "../run_store.js";

const HEIGHT = 380;
const GAP = 8; // seconds of silence after which a curve is broken, not joined
const KEY = "coinai-compare";
const COLOURS = ["--layer-conv", "--layer-fc", "--accepted", "--waiting", "--layer-residual", "--layer-separable", "--refused", "--ink-3"];
const DASHES = [[], [], [], [], [6, 3], [6, 3], [2, 3], [2, 3]];
const [SECOND, STEP, LOSS, ERROR] = [0, 1, 2, 3];

/** Exponential smoothing that forgets `share` of the past each point; gaps stay gaps and begin anew. */
export function smooth(values, share) {
  let mean = null;
  return values.map((value) => {
    if (value === null || value === undefined) {
      if (value === null) mean = null;
      return value;
    }
    mean = mean === null ? value : share * mean + (1 - share) * value;
    return mean;
  });
}

/** One run's [x, y] columns: what is drawn over seconds or steps, a silence as a gap. */
export function toColumns(curve, what, axis) {
  const columns = [[], []];
  let previous = null;
  for (const point of curve) {
    const value = what === "error" ? point[ERROR] : point[LOSS];
    if (value === null) continue; // measured less often than the loss
    const x = axis === "steps" ? point[STEP] : point[SECOND];
    if (axis === "seconds" && previous !== null && x - previous > Math.max(GAP, 4 * spacing(curve))) push(columns, previous + 0.001, null);
    push(columns, x, what === "error" ? value / 10000 : value);
    previous = x;
  }
  return columns;
}

const spacing = (curve) => (curve.length > 1 ? (curve.at(-1)[SECOND] - curve[0][SECOND]) / (curve.length - 1) : 0);

function push(columns, x, y) {
  columns[0].push(x);
  columns[1].push(y);
}

function remember() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

class Comparison {
  #host = document.querySelector("[data-chart]");
  #store = new RunStore();
  #ids;
  #plot = null;
  #isPlanned = false;
  #choice = { what: "error", axis: "seconds", smoothing: 0, ...remember() };

  constructor(runs) {
    this.#ids = runs.map((run) => run.id);
    this.#store.reset(runs);
    new ResizeObserver(() => this.#resize()).observe(this.#host);
    onColourChange(() => this.#draw());
    this.#listen();
    for (const id of this.#ids) this.#follow(id);
  }

  #follow(id) {
    live.subscribe(`run:${id}`, {
      snapshot: ({ run }) => this.#take({ run, points: run.curve }),
      delta: (delta) => this.#take(delta),
    });
  }

  #take(delta) {
    const run = this.#store.apply(delta);
    const row = [...document.querySelectorAll("tr[data-run]")].find((one) => one.dataset.run === run.id);
    row.querySelector("[data-error]").textContent = run.error === null ? "–" : percent(run.error);
    row.querySelector("[data-steps]").textContent = group(run.steps);
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    requestAnimationFrame(() => {
      this.#isPlanned = false;
      if (this.#plot) this.#plot.setData(this.#data(), !this.#isZoomed);
      else this.#draw();
    });
  }

  #isZoomed = false;

  #listen() {
    for (const name of ["what", "axis"]) {
      for (const button of document.querySelectorAll(`[data-${name}]`)) {
        button.addEventListener("click", () => this.#choose({ [name]: button.dataset[name] }));
      }
    }
    document.querySelector("[data-log]").addEventListener("click", () => {
      logAxes.on = !logAxes.on;
      this.#choose({});
    });
    document.querySelector("#smooth").addEventListener("input", (event) => this.#choose({ smoothing: Number(event.target.value) }));
    document.querySelector("[data-whole]").addEventListener("click", () => this.#draw());
    this.#tell();
  }

  #choose(change) {
    this.#choice = { ...this.#choice, ...change };
    try {
      localStorage.setItem(KEY, JSON.stringify(this.#choice));
    } catch {
      // Storage is forbidden here: the choice lasts as long as the page.
    }
    this.#tell();
    this.#draw();
  }

  #tell() {
    for (const name of ["what", "axis"]) {
      for (const button of document.querySelectorAll(`[data-${name}]`)) {
        button.setAttribute("aria-pressed", String(button.dataset[name] === this.#choice[name]));
      }
    }
    document.querySelector("[data-log]").setAttribute("aria-pressed", String(logAxes.on));
    document.querySelector("#smooth").value = this.#choice.smoothing;
    document.querySelector("[data-smooth]").textContent = `${this.#choice.smoothing}%`;
  }

  #data() {
    const { what, axis, smoothing } = this.#choice;
    const tables = this.#ids.map((id) => {
      const [x, y] = toColumns(this.#store.get(id).curve, what, axis);
      return [x, smooth(y, smoothing / 100)];
    });
    return tables.length ? uPlot.join(tables, tables.map(() => [0, 2])) : [[]];
  }

  #draw() {
    this.#plot?.destroy();
    this.#plot = null;
    this.#zoomed(false);
    const width = this.#host.clientWidth;
    if (!width) return;
    const data = this.#data();
    if (data[0].length) this.#plot = new uPlot(this.#options(width), data, this.#host);
  }

  #resize() {
    const width = this.#host.clientWidth;
    if (!this.#plot) this.#draw();
    else if (width && width !== this.#plot.width) this.#plot.setSize({ width, height: HEIGHT });
  }

  #zoomed(value) {
    this.#isZoomed = value;
    document.querySelector("[data-whole]").hidden = !value;
  }

  #options(width) {
    const { what, axis } = this.#choice;
    const isError = what === "error";
    const words = (value) => (isError ? percent(value * 10000) : Number(value.toPrecision(3)).toString());
    const style = { stroke: colour("--ink-3"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: '12px "Plex Sans", sans-serif', gap: 6 };
    return {
      width,
      height: HEIGHT,
      padding: [8, 24, 0, 0],
      cursor: { y: false, points: { size: 7 }, drag: { x: true, y: false } },
      scales: { x: { time: false }, y: { distr: logAxes.on ? 3 : 1, range: (_, low, high) => range(low, high, isError) } },
      axes: [
        { ...style, size: 28, values: (_, ticks) => ticks.map((tick) => (axis === "steps" ? group(tick) : `${tick} s`)) },
        { ...style, size: 56, filter: (_, ticks) => ticks, ...(logAxes.on ? { splits: (_, __, low, high) => ticksOf(low, high) } : {}), values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : words(tick).replace(/\.?0+%$/, "%"))) },
      ],
      hooks: {
        setSelect: [(plot) => plot.select.width > 0 && this.#zoomed(true)],
        ready: [(plot) => plot.over.addEventListener("dblclick", () => this.#zoomed(false))],
      },
      series: [
        { label: axis === "steps" ? "step" : "at", value: (_, value) => (value == null ? "–" : axis === "steps" ? group(value) : `${value.toFixed(1)} s`) },
        ...this.#ids.map((_, i) => ({
          label: String(i + 1),
          class: `of-${i}`,
          stroke: colour(COLOURS[i]),
          width: 1.75,
          dash: DASHES[i],
          spanGaps: false,
          points: { show: false },
          value: (plot, value, series, index) => {
            const shown = index === null || index === undefined ? plot.data[series].findLast((one) => one != null) : (value ?? near(plot.data[series], index));
            return shown == null ? "–" : words(shown);
          },
        })),
      ],
    };
  }
}

// The joined columns have holes where another run has a point: the value before is the one that held then.
function near(values, index) {
  for (let i = index; i >= 0; i -= 1) {
    if (values[i] === null) return null;
    if (values[i] !== undefined) return values.slice(index).some((one) => one != null) ? values[i] : null;
  }
  return null;
}

function range(low, high, isError) {
  if (low === null || !Number.isFinite(low)) return [1, 100];
  const most = isError ? 100 : Infinity;
  if (!logAxes.on) return [0, Math.min(most, high * 1.08 || 1)];
  return [Math.max(1e-4, low / 1.2), Math.min(most, high * 1.15)];
}

function ticksOf(low, high) {
  for (const leads of [[1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 5, 7], [1, 2, 5], [1]]) {
    const ticks = [];
    for (let decade = Math.floor(Math.log10(low)); decade <= Math.log10(high); decade += 1) {
      for (const lead of leads) ticks.push(Number((lead * 10 ** decade).toPrecision(3)));
    }
    const inside = ticks.filter((tick) => tick >= low && tick <= high);
    if (inside.length <= 9) return inside;
  }
  return [];
}

const chosen = document.getElementById("chosen");
if (chosen) new Comparison(JSON.parse(chosen.textContent));

// No more than fit in one picture.
const form = document.querySelector("[data-choose]");
if (form) {
  const boxes = [...form.querySelectorAll("input[name=ids]")];
  const most = Number(form.dataset.most);
  const count = () => {
    const checked = boxes.filter((box) => box.checked).length;
    for (const box of boxes) box.disabled = !box.checked && checked >= most;
    form.querySelector("button").disabled = checked === 0;
    form.querySelector("[data-count]").textContent = `${checked} of at most ${most} chosen`;
  };
  form.addEventListener("change", count);
  count();
}
