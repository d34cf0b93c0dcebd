// How a number is distributed over many networks: bars, those that can be mined in colour.
import { si } from "../format.js";
import { element } from "../wallet/dom.js";

const SVG = "http://www.w3.org/2000/svg";
const BINS = 24;
const [WIDTH, HEIGHT] = [240, 80];

/**
 * `rows` are {value, isGood}. On a logarithmic axis unless `isWhole`, which has a bar for each number. `limits` are
 * drawn as lines.
 */
export function histogram(title, unit, rows, { isWhole = false, limits = [] } = {}) {
  const figure = element("figure", { class: "histogram" }, element("figcaption", {}, title));
  if (!rows.length) {
    figure.append(element("p", { class: "quiet" }, "no network"));
    return figure;
  }
  const scale = isWhole ? (value) => value : (value) => Math.log10(Math.max(1, value));
  const values = rows.map((row) => scale(row.value));
  const low = Math.min(...values);
  const high = Math.max(...values) + (isWhole ? 1 : 0.001);
  const count = isWhole ? Math.min(BINS, high - low) : BINS;
  const bins = Array.from({ length: count }, () => [0, 0]);
  rows.forEach((row, i) => {
    bins[Math.min(count - 1, Math.floor(((values[i] - low) / (high - low)) * count))][row.isGood ? 0 : 1] += 1;
  });
  figure.append(draw(bins, limits.map((limit) => (scale(limit) - low) / (high - low)), describe(title, rows)));
  const real = rows.map((row) => row.value).sort((a, b) => a - b);
  const [least, middle, most] = [real[0], real[Math.floor(real.length / 2)], real.at(-1)];
  figure.append(element("p", { class: "histogram-axis num" }, element("span", {}, si(least)), element("span", {}, `median ${si(middle)}${unit}`), element("span", {}, si(most))));
  return figure;
}

function describe(title, rows) {
  return `${title}: distribution over ${rows.length} networks`;
}

function draw(bins, lines, label) {
  const svg = make("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label, class: "histogram-bars" });
  const most = Math.max(1, ...bins.map(([good, bad]) => good + bad));
  const step = WIDTH / bins.length;
  bins.forEach(([good, bad], i) => {
    const heights = [good, bad].map((count) => (HEIGHT * count) / most);
    if (good) svg.append(make("rect", { class: "bar-good", x: i * step + 0.5, y: HEIGHT - heights[0], width: step - 1, height: heights[0] }));
    if (bad) svg.append(make("rect", { class: "bar-rest", x: i * step + 0.5, y: HEIGHT - heights[0] - heights[1], width: step - 1, height: heights[1] }));
  });
  for (const share of lines.filter((one) => one > 0 && one < 1)) svg.append(make("rect", { class: "bar-limit", x: share * WIDTH, y: 0, width: 1, height: HEIGHT }));
  return svg;
}

function make(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, typeof value === "number" ? value.toFixed(2) : value);
  return made;
}
