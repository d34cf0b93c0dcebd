// The playground: a text is checked while it is typed, its derivations are drawn, and it can be proposed.
import { duration, group } from "../format.js";
import { format } from "../wallet/amount.js";
import { coins, complain, element, state } from "../wallet/dom.js";
import { review } from "../wallet/sign_box.js";
import { utf8 } from "../verify/bytes.js";
import { diffLines } from "./diff.js";
import { checkGrammar } from "./grammar_check.js";
import { histogram } from "./histogram.js";
import { drawGlyph } from "./trials.js";

const SAMPLES = 1000;
const TYPING_MS = 150;
const LINK_MS = 600;
const FRAGMENT = "#g=";

const root = document.querySelector("[data-playground]");
const find = (selector) => root.querySelector(selector);
const data = JSON.parse(document.getElementById("playground-data").textContent);
const text = find("[data-text]");
const nonce = find("[data-nonce]");
const worker = new Worker(root.dataset.worker, { type: "module" });
let asked = 0;
let problems = [];
let share = null; // of nonces that can be mined, once enough were tried
const timers = {};

function later(name, wait, work) {
  clearTimeout(timers[name]);
  timers[name] = setTimeout(work, wait);
}

function onTyped() {
  numberLines();
  later("look", TYPING_MS, look);
  later("link", LINK_MS, () => history.replaceState(null, "", location.pathname + FRAGMENT + encodeURIComponent(text.value)));
}

function numberLines() {
  const bad = new Set(problems.map((one) => one.line));
  const count = text.value.split("\n").length;
  const lines = find("[data-lines]");
  lines.replaceChildren(...Array.from({ length: count }, (_, i) => element("span", bad.has(i + 1) ? { class: "line-bad" } : {}, `${i + 1}\n`)));
  lines.scrollTop = text.scrollTop;
}

function look() {
  problems = checkGrammar(text.value).problems;
  numberLines();
  showProblems();
  showDiff();
  share = null;
  showSign();
  root.toggleAttribute("data-broken", problems.length > 0);
  if (problems.length) {
    asked += 1; // answers on the way are about an older text
    return;
  }
  asked += 1;
  worker.postMessage({ id: asked, text: text.value, nonce: readNonce(), count: SAMPLES, terms: { rule: find("[data-rule]").value, problem: data.problem, parameters: data.parameters } });
}

function readNonce() {
  const value = Number(nonce.value);
  return Number.isSafeInteger(value) && value >= 0 ? value : 0;
}

worker.addEventListener("message", ({ data: answer }) => {
  if (answer.id !== asked) return;
  if (answer.one) showOne(answer.one);
  if (answer.many) showMany(answer.many, answer.isDone);
  if (answer.failed) complain(find("[data-sign-problem]"), answer.failed);
});

function showProblems() {
  const place = find("[data-problems]");
  text.toggleAttribute("aria-invalid", problems.length > 0);
  if (!problems.length) return place.replaceChildren(state("accepted", "circle-check", "a grammar"));
  const rows = problems.map(({ line, column, reason }) =>
    element("li", {}, element("button", { type: "button", class: "link", click: () => jump(line, column) }, `Line ${line}, column ${column}`), `: ${reason}.`));
  place.replaceChildren(element("ul", { class: "problem-list" }, ...rows));
}

function jump(line, column) {
  const lines = text.value.split("\n");
  const at = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0) + column - 1;
  text.focus();
  text.setSelectionRange(at, Math.min(at + 1, text.value.length));
}

function showOne({ text: derived, network, kind, reason, tree }) {
  find("[data-nonce-shown]").textContent = group(readNonce());
  find("[data-one-state]").replaceChildren(kind === "minable" ? state("accepted", "circle-check", "can be mined") : state("refused", "circle-x", kind));
  find("[data-one-reason]").textContent = reason;
  find("[data-one-text]").textContent = derived || "an empty text";
  const words = derived.split(/ (?=(?:conv|residual|separable|pool|flatten|gap|fc)\b)/);
  const layers = (network?.layers ?? []).map(({ kind: layer, output, parameters, macs }, i) =>
    element("tr", {}, element("th", { scope: "row" }, layer === "output" ? layer : words[i]), element("td", { class: "right num" }, output.join(" × ")), element("td", { class: "right num" }, group(parameters)), element("td", { class: "right num" }, group(macs))));
  if (network) layers.push(element("tr", { class: "layer-sum" }, element("th", { scope: "row" }, "together"), element("td", {}), element("td", { class: "right num" }, group(network.parameters)), element("td", { class: "right num" }, group(network.macs))));
  find("[data-one-layers]").replaceChildren(...layers);
  const rows = tree.rows.map(({ depth, label, isName }) =>
    element("li", { class: `tree-row ${isName ? "tree-name" : "tree-word"}` }, ...Array.from({ length: Math.min(depth, 24) }, () => element("i")), element("span", { class: "tree-label" }, isName ? `<${label}>` : label)));
  if (tree.isCut) rows.push(element("li", { class: "tree-row quiet" }, "…"));
  find("[data-one-tree]").replaceChildren(...rows);
  const host = find("[data-one-glyph]");
  host.replaceChildren();
  if (network && derived.length < 1500) drawGlyph(host, root.dataset.glyph, { text: derived, shape: data.problem.shape.join(","), classes: data.problem.classes });
}

function showMany(rows, isDone) {
  find("[data-many-count]").textContent = isDone ? `${group(rows.length)} nonces` : `${group(rows.length)} of ${group(SAMPLES)}`;
  const counts = new Map([["minable", 0]]);
  for (const { kind } of rows) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const sorted = [...counts].sort((a, b) => (b[0] === "minable") - (a[0] === "minable") || b[1] - a[1]);
  find("[data-outcomes]").replaceChildren(...sorted.map(([kind, count]) => outcome(kind, count / rows.length)));
  share = counts.get("minable") / rows.length;
  showEstimate();
  if (isDone) showHistograms(rows.filter((row) => row.macs !== undefined));
  showSign();
}

function outcome(kind, part) {
  const isGood = kind === "minable";
  const bar = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  bar.setAttribute("class", "outcome-bar");
  bar.setAttribute("viewBox", "0 0 100 8");
  bar.setAttribute("preserveAspectRatio", "none");
  bar.setAttribute("aria-hidden", "true");
  for (const [name, width] of [["bar-all", 100], ["outcome-value", 100 * part]]) {
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    rect.setAttribute("class", name);
    rect.setAttribute("width", width.toFixed(1));
    rect.setAttribute("height", 8);
    bar.append(rect);
  }
  return element("li", { class: `outcome${isGood ? " outcome-good" : ""}` }, element("span", { class: "outcome-words" }, state(isGood ? "accepted" : "stale", isGood ? "circle-check" : "circle-x", isGood ? "can be mined" : kind)), bar, element("span", { class: "num outcome-count" }, `${(100 * part).toFixed(1)}%`));
}

function showEstimate() {
  const [seeds, needed] = [Number(root.dataset.seeds), Number(root.dataset.needed)];
  const expected = Math.round(share * seeds);
  find("[data-estimate]").textContent = `At a draw, ${seeds} seeds are tried, and at least ${needed} must give a network that can be mined; about ${expected} would. ${verdict(expected, needed)}`;
}

function verdict(expected, needed) {
  if (expected >= 2 * needed) return "That is an estimate, for the problem of today.";
  if (expected >= needed) return "That is close: another problem, or bad luck, and the winner would be passed over.";
  return "It would be passed over, and everything would stay as it is.";
}

function showHistograms(rows) {
  const of = (name) => rows.map((row) => ({ value: row[name], isGood: row.kind === "minable" }));
  const { problem } = data;
  find("[data-histograms]").replaceChildren(
    histogram("Depth", " layers", of("layers"), { isWhole: true }),
    histogram("Size", " parameters", of("parameters"), { limits: [problem.max_parameters] }),
    histogram("Cost", " MACs", of("macs"), { limits: [problem.min_macs, problem.max_macs] }),
  );
}

function showDiff() {
  const rows = diffLines(data.starts.active, text.value);
  const changed = rows.filter((row) => row.sign !== " ").length;
  find("[data-diff-count]").textContent = changed ? `${changed} lines` : "none";
  const words = { "-": "only in the active grammar", "+": "only here" };
  find("[data-diff]").replaceChildren(...rows.map(({ sign, line }) =>
    element("li", { class: sign === "-" ? "diff-out" : sign === "+" ? "diff-in" : "" }, element("span", { "aria-hidden": "true" }, `${sign} `), words[sign] ? element("span", { class: "visually-hidden" }, `${words[sign]}: `) : null, line)));
}

function whyNot() {
  if (problems.length) return "The text has mistakes; they are listed below the editor.";
  if (utf8(text.value).length > data.parameters.max_grammar_bytes) return `The text has more than ${group(data.parameters.max_grammar_bytes)} bytes.`;
  if (text.value === data.starts.active) return "This is the active grammar: change something before you propose it.";
  return "";
}

function showSign() {
  const reason = whyNot();
  find("[data-sign]").disabled = reason !== "";
  complain(find("[data-sign-problem]"), reason);
}

async function sign() {
  const content = text.value;
  const { proposal_deposit: deposit, proposal_blocks: blocks, round_seconds: seconds, fall, raise } = data.parameters;
  const wait = duration((blocks * seconds * (fall + raise)) / fall);
  const lines = [
    `You propose a grammar of ${content.split("\n").filter((line) => line.includes("::=")).length} rules and ${group(utf8(content).length)} bytes.`,
    element("span", {}, "You deposit ", coins(format(deposit, { isGrouped: true })), `. It comes back when the proposal is drawn, or when it ends after ${group(blocks)} blocks (about ${wait}) without.`),
    share === null ? "How many nonces could be mined was not looked at." : `About ${(100 * share).toFixed(1)}% of nonces give a network that can be mined today.`,
    "The text stands on the chain for ever.",
  ];
  try {
    const sent = await review({ kind: "propose", body: { subject: "grammar", content }, lines, title: "Propose a grammar" });
    if (!sent) return;
    find("[data-signed]").hidden = false;
    find("[data-proposal-link]").href = `/proposals/${sent.txid}/`;
  } catch (error) {
    complain(find("[data-sign-problem]"), error);
  }
}

function begin(name) {
  text.value = data.starts[name];
  onTyped();
}

function readLink() {
  if (!location.hash.startsWith(FRAGMENT)) return;
  try {
    text.value = decodeURIComponent(location.hash.slice(FRAGMENT.length));
  } catch {
    // A damaged link: what the server put there stays.
  }
}

function setNonce(value) {
  nonce.value = value;
  look();
}

text.addEventListener("input", onTyped);
text.addEventListener("scroll", () => (find("[data-lines]").scrollTop = text.scrollTop));
nonce.addEventListener("input", () => later("look", TYPING_MS, look));
find("[data-rule]").addEventListener("change", look);
find("[data-back]").addEventListener("click", () => setNonce(Math.max(0, readNonce() - 1)));
find("[data-next]").addEventListener("click", () => setNonce(readNonce() + 1));
find("[data-random]").addEventListener("click", () => setNonce(crypto.getRandomValues(new Uint32Array(1))[0]));
find("[data-editor-form]").addEventListener("submit", (event) => {
  event.preventDefault();
  look();
});
find("[data-sign]").addEventListener("click", sign);
find("[data-link]").addEventListener("click", async (event) => {
  const words = event.currentTarget.querySelector("span");
  const url = location.origin + location.pathname + FRAGMENT + encodeURIComponent(text.value);
  history.replaceState(null, "", url);
  try {
    await navigator.clipboard.writeText(url);
    words.textContent = "Copied";
  } catch {
    words.textContent = "The address above has it";
  }
});
for (const start of root.querySelectorAll("[data-start]")) {
  start.addEventListener("click", (event) => {
    event.preventDefault();
    begin(start.dataset.start);
  });
}
addEventListener("hashchange", () => {
  readLink();
  look();
});
readLink();
look();
