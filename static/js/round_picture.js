// The picture of a round. Time since the last block runs to the right, quality upwards; the threshold falls as a
// staircase, trainings climb towards it, candidates wait as dots; where dot and staircase meet, the block is born.
import { clock, duration, errorOf, percent, quality } from "./format.js";
import { errorTicks, roundTicks, spanOfRounds, staircase, threshold, valueAt, verticalRange } from "./round_scale.js";

const SVG = "http://www.w3.org/2000/svg";
const ACTIVE = new Set(["training", "scoring"]);
const LABELLED_CURVES = 5;
const TOOLTIP_ROWS = 6;

function make(name, attributes = {}, text = null) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== null) element.textContent = text;
  return element;
}

const line = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

export class RoundPicture {
  #figure;
  #svg;
  #tip;
  #size = [0, 0];
  #data = null;
  #hover = null;
  #span = 0;
  #parent = null;

  /** Draws into `figure`, which holds an svg and an element with the class round-tip. */
  constructor(figure) {
    this.#figure = figure;
    this.#svg = figure.querySelector("svg");
    this.#tip = figure.querySelector(".round-tip");
    new ResizeObserver(() => this.draw()).observe(this.#svg);
    this.#svg.addEventListener("pointermove", (event) => this.#point(event));
    this.#svg.addEventListener("pointerleave", () => this.#point(null));
  }

  /**
   * Show {round, runs: [{id, state, text, curve: [[seconds since the last block, error]…]}], best, winner, now}.
   * `now` is seconds since the last block; with a `winner` ({quality, error, round}) the picture stands still.
   */
  show(data) {
    this.#data = data;
    this.draw();
  }

  draw() {
    const { width, height } = this.#svg.getBoundingClientRect();
    if (!this.#data || width < 40) return;
    this.#size = [width, height];
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const scale = this.#scale();
    this.#svg.querySelector(".round-drawing")?.remove();
    const drawing = make("g", { class: "round-drawing" });
    drawing.append(
      this.#clip(scale),
      this.#ground(scale),
      this.#axes(scale),
      this.#stairs(scale),
      this.#curves(scale),
      this.#candidates(scale),
      this.#best(scale),
      this.#winner(scale),
      this.#nowLine(scale),
      this.#hoverLine(scale),
    );
    this.#svg.append(drawing);
    this.#tell(scale);
  }

  #scale() {
    const { round, runs, best, winner, now } = this.#data;
    const [width, height] = this.#size;
    const narrow = width < 560;
    const edge = { left: narrow ? 40 : 52, right: narrow ? 10 : 20, top: 34, bottom: narrow ? 34 : 44 };
    const bestEnd = best?.wins_at ? (best.wins_at - round.parent_timestamp) / round.round_seconds : 0;
    const needed = Math.ceil(Math.max(now / round.round_seconds + 1.5, Math.min(bestEnd, 400) + 1));
    const span = winner ? Math.max(3, winner.round + 2) : spanOfRounds(needed);
    if (round.parent !== this.#parent || winner) this.#span = 0;
    this.#parent = round.parent;
    this.#span = Math.max(this.#span, span);
    const qualities = [...round.candidates.map((one) => one.quality)];
    if (best?.error) qualities.push(quality(best.error));
    if (winner) qualities.push(winner.quality);
    for (const run of runs) for (const point of run.curve) qualities.push(quality(point[1]));
    const [low, high] = verticalRange(round, this.#span, qualities);
    const seconds = this.#span * round.round_seconds;
    const inner = { width: width - edge.left - edge.right, height: height - edge.top - edge.bottom };
    return {
      ...edge, low, high, seconds, inner, narrow,
      x: (second) => edge.left + (inner.width * second) / seconds,
      y: (value) => edge.top + inner.height * (1 - (value - low) / (high - low)),
    };
  }

  #clip(scale) {
    const defs = make("defs");
    const clip = make("clipPath", { id: "round-clip" });
    clip.append(make("rect", { x: scale.left, y: scale.top, width: scale.inner.width, height: scale.inner.height }));
    defs.append(clip);
    return defs;
  }

  #ground(scale) {
    const { round } = this.#data;
    const group = make("g", { "clip-path": "url(#round-clip)" });
    const steps = staircase(round, 0, scale.seconds).map(([x, y]) => [scale.x(x), scale.y(y)]);
    const corners = [[scale.x(0), scale.top], ...steps, [scale.x(scale.seconds), scale.top]];
    group.append(make("path", { class: "round-zone", d: `${line(corners)}Z` }));
    const number = this.#number();
    const from = scale.x(number * round.round_seconds);
    const to = scale.x((number + 1) * round.round_seconds);
    group.append(make("rect", { class: "round-band", x: from, y: scale.top, width: to - from, height: scale.inner.height }));
    return group;
  }

  #axes(scale) {
    const { round } = this.#data;
    const group = make("g", { class: "round-axes" });
    for (const tick of errorTicks(scale.low, scale.high, scale.y, 30)) {
      const y = scale.y(tick.quality);
      group.append(make("line", { class: "round-grid", x1: scale.left, x2: scale.left + scale.inner.width, y1: y, y2: y }));
      group.append(make("text", { x: scale.left - 8, y: y + 4, "text-anchor": "end" }, percent(tick.error).replace(/\.?0+%/, "%")));
    }
    const base = scale.top + scale.inner.height;
    group.append(make("line", { class: "round-base", x1: scale.left, x2: scale.left + scale.inner.width, y1: base, y2: base }));
    for (const tick of roundTicks(this.#span, round.round_seconds, scale.inner.width, 56)) {
      const x = scale.x(tick.seconds);
      group.append(make("line", { class: "round-base", x1: x, x2: x, y1: base, y2: base + 5 }));
      const anchor = tick.round === this.#span ? "end" : "middle";
      group.append(make("text", { x: anchor === "end" ? x + 6 : x, y: base + 18, "text-anchor": anchor }, clock(tick.seconds)));
    }
    if (!scale.narrow) {
      const middle = scale.left + scale.inner.width / 2;
      group.append(make("text", { x: middle, y: base + 38, "text-anchor": "middle" }, this.#xTitle()));
    }
    group.append(make("text", { x: scale.left - 8, y: 14, "text-anchor": "end" }, "error"));
    return group;
  }

  #xTitle() {
    const { round } = this.#data;
    return `minutes since block ${round.height - 1} · a round lasts ${duration(round.round_seconds)}`;
  }

  #stairs(scale) {
    const { round, now } = this.#data;
    const group = make("g", { "clip-path": "url(#round-clip)" });
    const at = ([x, y]) => [scale.x(x), scale.y(y)];
    const past = staircase(round, 0, Math.min(now, scale.seconds));
    const future = staircase(round, Math.min(now, scale.seconds), scale.seconds);
    group.append(make("path", { class: "round-stairs round-stairs-future", d: line(future.map(at)) }));
    group.append(make("path", { class: "round-stairs", d: line(past.map(at)) }));
    const text = scale.narrow ? "threshold" : "threshold: a block needs this";
    const place = { x: scale.left + scale.inner.width - 8, y: scale.y(threshold(round, this.#span - 1)) - 8 };
    const label = make("text", { class: "round-word", ...place, "text-anchor": "end" }, text);
    group.append(label);
    return group;
  }

  #curves(scale) {
    const group = make("g", { class: "round-curves", "clip-path": "url(#round-clip)" });
    const active = this.#data.runs.filter((run) => ACTIVE.has(run.state));
    for (const run of this.#data.runs) group.append(this.#curve(scale, run));
    const labelled = active.filter((run) => run.curve.length).slice(-LABELLED_CURVES);
    const heads = labelled.map((run) => ({ run, y: scale.y(quality(run.curve.at(-1)[1])) })).sort((a, b) => a.y - b.y);
    let previous = -Infinity;
    for (const { run, y } of heads) {
      const [second, error] = run.curve.at(-1);
      const place = Math.max(y - 6, previous + 14);
      previous = place;
      group.append(make("text", { class: "round-value", x: scale.x(second) - 7, y: place, "text-anchor": "end" }, percent(error)));
    }
    return group;
  }

  #curve(scale, run) {
    const state = run.won ? "won" : ACTIVE.has(run.state) ? "active" : "over";
    const group = make("g", { class: `round-run round-run-${state}`, "data-run": run.id });
    const points = run.curve.map(([second, error]) => [scale.x(second), scale.y(quality(error))]);
    if (points.length > 1) group.append(make("path", { d: line(points) }));
    const head = points.at(-1);
    if (head) group.append(make("circle", { cx: head[0], cy: head[1], r: state === "active" ? 3.5 : 2 }));
    return group;
  }

  #candidates(scale) {
    const { round } = this.#data;
    const group = make("g", { class: "round-candidates" });
    for (const one of round.candidates) {
      const x = scale.x(((one.round ?? round.number) + 1) * round.round_seconds);
      const y = scale.y(one.quality);
      const dot = make("circle", { cx: x, cy: y, r: 6 });
      dot.append(make("title", {}, `Candidate ${percent(one.error)}, waiting for the end of its round`));
      group.append(make("line", { x1: x, x2: x, y1: y, y2: scale.y(threshold(round, one.round ?? round.number)) }), dot);
      const name = this.#data.best?.error === one.error ? "our candidate" : "candidate";
      group.append(this.#beside(scale, x, y + 4, 12, `${name} ${percent(one.error)}`));
    }
    return group;
  }

  #best(scale) {
    const { round, best, winner, now } = this.#data;
    const group = make("g", { class: "round-best" });
    if (!best?.error || !best.wins_at || winner) return group;
    const end = best.wins_at - round.parent_timestamp;
    const y = scale.y(quality(best.error));
    const run = this.#data.runs.find((one) => one.nonce === best.nonce && one.curve.length);
    const from = Math.min(run ? run.curve.at(-1)[0] : now, end);
    const x = Math.min(scale.x(end), scale.left + scale.inner.width);
    group.append(make("line", { x1: scale.x(Math.max(0, from)), x2: x, y1: y, y2: y }));
    if (round.candidates.some((one) => one.error === best.error)) return group;
    const ring = make("circle", { cx: x, cy: y, r: 6.5 });
    ring.append(make("title", {}, `Our best, ${percent(best.error)}, wins here unless somebody is better`));
    group.append(ring);
    group.append(this.#beside(scale, x, y + 4, 13, `our best ${percent(best.error)}`));
    return group;
  }

  #winner(scale) {
    const { round, winner } = this.#data;
    const group = make("g", { class: "round-winner" });
    if (!winner) return group;
    const x = scale.x((winner.round + 1) * round.round_seconds);
    const y = scale.y(winner.quality);
    const head = this.#data.runs.find((run) => run.won)?.curve.at(-1);
    if (head) group.append(make("line", { class: "round-waited", x1: scale.x(head[0]), y1: y, x2: x, y2: y }));
    group.append(make("line", { x1: x, x2: x, y1: scale.top, y2: scale.top + scale.inner.height }));
    group.append(make("circle", { class: "round-halo", cx: x, cy: y, r: 11 }), make("circle", { cx: x, cy: y, r: 6 }));
    group.append(this.#beside(scale, x, y + 5, 18, `block ${round.height}, ${percent(winner.error)}`));
    return group;
  }

  // Words to the right of a mark, where the future is empty; above and to the left when there is no room.
  #beside(scale, x, y, distance, words) {
    const fits = x + distance + words.length * 7.5 < scale.left + scale.inner.width;
    const place = fits ? { x: x + distance, y } : { x: x - distance, y: y - 16, "text-anchor": "end" };
    return make("text", place, words);
  }

  #nowLine(scale) {
    const group = make("g", { class: "round-now" });
    const { now, winner } = this.#data;
    if (winner || now < 0 || now > scale.seconds) return group;
    const x = scale.x(now);
    group.append(make("line", { x1: x, x2: x, y1: scale.top - 4, y2: scale.top + scale.inner.height }));
    group.append(make("text", { x, y: scale.top - 10, "text-anchor": "middle" }, clock(Math.floor(now))));
    return group;
  }

  #number() {
    const { round, now, winner } = this.#data;
    return winner ? winner.round : Math.max(0, Math.floor(now / round.round_seconds));
  }

  #hoverLine(scale) {
    const group = make("g", { class: "round-hover" });
    if (this.#hover === null) return group;
    group.append(make("line", { x1: this.#hover, x2: this.#hover, y1: scale.top, y2: scale.top + scale.inner.height }));
    return group;
  }

  #point(event) {
    if (event === null) {
      this.#hover = null;
    } else {
      const box = this.#svg.getBoundingClientRect();
      this.#hover = event.clientX - box.left;
    }
    this.draw();
  }

  // The tooltip: threshold and every curve at the moment under the pointer.
  #tell(scale) {
    const inside = this.#hover !== null && this.#hover >= scale.left && this.#hover <= scale.left + scale.inner.width;
    this.#tip.hidden = !inside;
    if (!inside) return;
    const { round, runs } = this.#data;
    const second = ((this.#hover - scale.left) / scale.inner.width) * scale.seconds;
    const number = Math.min(Math.floor(second / round.round_seconds), this.#span - 1);
    const rows = [[`round ${number}, threshold`, percent(errorOf(threshold(round, number))), "stairs"]];
    const values = [];
    for (const run of runs) {
      const value = valueAt(run.curve.map(([x, error]) => [x, quality(error)]), second);
      if (value !== null) values.push([run, value]);
    }
    values.sort((a, b) => b[1] - a[1]);
    for (const [run, value] of values.slice(0, TOOLTIP_ROWS)) rows.push([run.text, percent(errorOf(value)), "run"]);
    if (values.length > TOOLTIP_ROWS) rows.push([`and ${values.length - TOOLTIP_ROWS} more`, "", "run"]);
    this.#tip.replaceChildren(...rows.map(([name, value, kind]) => tipRow(name, value, kind)));
    const wide = this.#tip.offsetWidth;
    const left = this.#hover + 16 + wide > this.#size[0] ? this.#hover - wide - 16 : this.#hover + 16;
    this.#tip.style.transform = `translate(${Math.max(0, Math.round(left))}px, ${Math.round(scale.top + 8)}px)`;
  }
}

function tipRow(name, value, kind) {
  const row = document.createElement("div");
  row.className = `round-tip-row round-tip-${kind}`;
  const label = document.createElement("span");
  label.textContent = name;
  const number = document.createElement("b");
  number.textContent = value;
  row.append(label, number);
  return row;
}
