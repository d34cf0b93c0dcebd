// The report on a converted upload, before anything is signed: balance, examples, columns, and what is wrong with it.
import { group, percent } from "../format.js";
import { element, icon } from "../wallet/dom.js";
import { readExamples, sheetUrl } from "./upload_client.js";
import { bytes, many } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const MOST_CLASSES = 20;
const MOST_COLUMNS = 40;
const SHOWN_COLUMNS = 8; // of an example's values
const LARGEST_SIDE = 64; // as apps/governance/previews.py has them
const GAP = 2;
const SHEET_COLUMNS = 6;

/** Fill `host` with the report of a ready upload. */
export async function showReport(host, upload) {
  const { report } = upload;
  const parts = [warnings(report), facts(upload)];
  const isPicture = hasPictures(upload);
  const examples = isPicture ? null : await readExamples(upload).then((answer) => answer.items);
  parts.push(classTable(upload, examples));
  if (examples && report.columns.length) parts.push(...valueTable(report, examples));
  if (report.columns.length) parts.push(...columnTable(report));
  host.replaceChildren(...parts);
}

function hasPictures({ shape: [channels, height, width] }) {
  return (channels === 1 || channels === 3) && height > 1 && width > 1;
}

function warnings({ warnings: found, notes }) {
  const rows = found.map((words) => element("li", { class: "report-warning" }, icon("alert-triangle"), element("span", {}, words)));
  if (!found.length) rows.push(element("li", { class: "report-fine" }, icon("circle-check"), element("span", {}, "Nothing about this data looks wrong.")));
  rows.push(...notes.map((words) => element("li", {}, icon("info-circle"), element("span", {}, words))));
  return element("ul", { class: "report-words" }, ...rows);
}

function facts({ report, shape, data_bytes: size }) {
  const rows = [
    ["To learn from", group(report.train), "examples"],
    ["To be judged by", group(report.validation), "examples"],
    ["Guessing errs", percent(report.majority_error), "by always naming the most frequent class"],
    ["An example", shape.join(" × "), `channels × height × width, ${group(shape[0] * shape[1] * shape[2])} bytes`],
    ["Data set", bytes(size), report.source === "pictures" ? "from pictures" : `from ${report.source.toUpperCase()}`],
    ["Duplicates", group(report.duplicates), "examples that are there before, in the same part"],
    ["Overlap", group(report.overlap), "to be judged by and learnt from as well"],
    ["Contradictions", group(report.contradictions), "the same input with another class"],
    ["Constant inputs", group(report.constant_inputs), "the same in every example to learn from"],
  ];
  return element("dl", { class: "facts" }, ...rows.map(([name, value, note]) =>
    element("div", {}, element("dt", {}, name), element("dd", { class: "num" }, value, element("small", {}, note)))));
}

function classTable(upload, examples) {
  const { classes } = upload.report;
  const most = Math.max(...classes.flatMap((one) => [one.train, one.validation]));
  const head = ["Class", ...(examples ? [] : ["Examples"]), "To learn from", "To be judged by"];
  const rows = classes.slice(0, MOST_CLASSES).map((one, row) =>
    element("tr", {},
      element("th", { scope: "row" }, one.name),
      examples ? null : element("td", {}, strip(upload, row, one.name)),
      element("td", { class: "right num" }, group(one.train), bar(one.train / most)),
      element("td", { class: "right num" }, group(one.validation), bar(one.validation / most))));
  const hidden = classes.length - MOST_CLASSES;
  return table("Classes", examples ? "balance-table" : "class-table", head, rows, hidden > 0 ? `${many(hidden, "more class", "more classes")}.` : "");
}

function table(title, kind, head, rows, note) {
  const grid = element("table", { class: kind },
    element("thead", {}, element("tr", {}, ...head.map((words, i) => element("th", { scope: "col", class: i > 0 && /^(To .*|Number|Inputs|Empty)$/.test(words) ? "right" : false }, words)))),
    element("tbody", {}, ...rows));
  return element("div", { class: "report-part" },
    element("h3", {}, title),
    element("div", { class: "scroll-x", tabindex: "0", role: "region", "aria-label": title }, grid),
    note ? element("p", { class: "quiet panel-note" }, note) : null);
}

// A row of the sheet of examples: the same picture for all, each row shows its part.
function strip(upload, row, name) {
  const [channels, height, width] = upload.shape;
  const scale = Math.max(1, Math.floor(LARGEST_SIDE / Math.max(height, width)));
  const shrunk = Math.max(1, Math.max(height, width) / LARGEST_SIDE);
  const cell = [width, height].map((side) => Math.max(1, Math.floor((side * scale) / shrunk)) + GAP);
  const rows = Math.min(upload.report.classes.length, MOST_CLASSES);
  const sheet = [SHEET_COLUMNS * cell[0] - GAP, rows * cell[1] - GAP];
  const svg = document.createElementNS(SVG, "svg");
  const attributes = {
    class: `example-strip${channels === 1 ? " examples-ink" : ""}`,
    viewBox: `0 ${row * cell[1]} ${sheet[0]} ${cell[1] - GAP}`,
    preserveAspectRatio: "xMinYMid meet",
    role: "img",
    "aria-label": `Examples of ${name}`,
  };
  for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, value);
  const image = document.createElementNS(SVG, "image");
  image.setAttribute("href", sheetUrl(upload, upload.data));
  image.setAttribute("width", sheet[0]);
  image.setAttribute("height", sheet[1]);
  svg.append(image);
  return svg;
}

/** A bar of `share`, 0 to 1, that grows from the right as the numbers above it are set. */
function bar(share) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "count-bar");
  svg.setAttribute("viewBox", "0 0 100 4");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  for (const [kind, from, width] of [["bar-all", 0, 100], ["bar-count", 100 - 100 * share, 100 * share]]) {
    const rect = document.createElementNS(SVG, "rect");
    rect.setAttribute("class", kind);
    rect.setAttribute("x", from.toFixed(2));
    rect.setAttribute("width", width.toFixed(2));
    rect.setAttribute("height", 4);
    svg.append(rect);
  }
  return svg;
}

// What a network sees of a row, told in the values that it stands for.
function valueTable(report, examples) {
  const used = report.columns.filter((column) => column.inputs > 0);
  const shown = used.slice(0, SHOWN_COLUMNS);
  const rows = examples.map(({ label, number, values }) =>
    element("tr", {},
      element("th", { scope: "row" }, report.classes[label].name),
      element("td", { class: "right num" }, group(number)),
      ...shown.map((column) => element("td", { class: "num" }, read(column, values, used)))));
  const note = used.length > SHOWN_COLUMNS ? `${many(used.length - SHOWN_COLUMNS, "more column")} ${used.length - SHOWN_COLUMNS === 1 ? "is" : "are"} used.` : "";
  return [table("Examples", "values-table", ["Class", "Number", ...shown.map((column) => column.name)], rows, note)];
}

function read(column, values, used) {
  let at = 0;
  for (const one of used) {
    if (one === column) break;
    at += one.inputs;
  }
  if (column.kind === "number") return String(Number((column.low + (values[at] / 255) * (column.high - column.low)).toPrecision(4)));
  const place = values.slice(at, at + column.inputs).indexOf(255);
  return place < 0 ? "–" : column.values[place];
}

function columnTable(report) {
  const rows = report.columns.slice(0, MOST_COLUMNS).map((column) =>
    element("tr", {},
      element("th", { scope: "row" }, column.name),
      element("td", {}, column.kind),
      element("td", { class: "right num" }, group(column.inputs)),
      element("td", { class: "right num" }, group(column.missing)),
      element("td", { class: "column-note" }, column.note)));
  const hidden = report.columns.length - MOST_COLUMNS;
  return [table("How each column became inputs", "column-table", ["Column", "Kind", "Inputs", "Empty", "How"], rows, hidden > 0 ? `${many(hidden, "more column")}.` : "")];
}
