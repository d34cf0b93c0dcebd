// The history of the account in use: page by page from the API, filtered here, exported whole as CSV.
import { format } from "../amount.js";
import { pages, readAddress } from "../client.js";
import { complain, save } from "../dom.js";
import { session } from "../session.js";
import { group } from "../../format.js";
import { live } from "../../live.js";
import { start } from "./frame.js";
import { historyRow, readNames, readOutputs } from "./rows.js";

const SHOWN = 25; // more rows at a time
const find = (selector) => document.querySelector(selector);
const filters = find("[data-filters]");
let account = null;
let names = new Map();
let items = []; // all that was read so far, newest first
let source = null; // the async iterator over older pages; null at the end
let wanted = SHOWN;
let turn = 0;

async function render(current) {
  names = await readNames(session.accounts);
  if (account?.address === current.address) return draw();
  account = current;
  begin();
}

function begin() {
  items = [];
  wanted = SHOWN;
  source = pages(`/api/v1/addresses/${account.address}/transactions?limit=100`);
  fill();
}

// Read older pages until there are enough rows that pass the filters.
async function fill() {
  const mine = (turn += 1);
  complain(find("[data-problem]"), null);
  try {
    while (source && items.filter(passes).length < wanted) {
      const { value, done } = await source.next();
      if (mine !== turn) return;
      if (done) source = null;
      else items.push(...value);
    }
  } catch (error) {
    complain(find("[data-problem]"), error);
  }
  draw();
}

function passes(item) {
  const { role, kind, from, to, text } = Object.fromEntries(new FormData(filters));
  const day = new Date(item.timestamp * 1000).toISOString().slice(0, 10);
  if ((role && item.role !== role) || (kind && item.kind !== kind) || (from && day < from) || (to && day > to)) return false;
  const search = text.trim().toLowerCase();
  return !search || [item.txid, item.sender, names.get(item.sender) ?? ""].some((one) => one.toLowerCase().includes(search));
}

function draw() {
  const found = items.filter(passes);
  const shown = found.slice(0, wanted);
  find("[data-rows]").replaceChildren(...shown.map((item) => historyRow(item, names, ["transaction", "block"])));
  find("[data-table]").hidden = shown.length === 0;
  find("[data-empty]").hidden = shown.length > 0 || source !== null;
  find("[data-empty-words]").textContent = items.length ? "No transaction passes these filters." : "No block holds a transaction of this account yet.";
  find("[data-more]").hidden = found.length <= wanted && source === null;
  const more = source || found.length > shown.length ? ", and there may be more" : "";
  find("[data-count]").textContent = `${group(shown.length)} shown of ${group(items.length)} read${more}`;
}

async function exportAll() {
  const button = find("[data-export]");
  const bar = find("[data-export-progress]");
  const problem = find("[data-problem]");
  complain(problem, null);
  button.disabled = true;
  bar.hidden = false;
  try {
    const { transactions } = await readAddress(account.address);
    const rows = [];
    for await (const page of pages(`/api/v1/addresses/${account.address}/transactions?limit=100`)) {
      for (const item of page.filter(passes)) rows.push(await csvRow(item));
      bar.value = Math.min(1, (bar.value || 0) + page.length / Math.max(1, transactions));
    }
    save(`coinai-${account.address.slice(0, 12)}.csv`, [HEAD, ...rows].map(toLine).join(""), "text/csv");
  } catch (error) {
    complain(problem, error);
  } finally {
    button.disabled = false;
    bar.hidden = true;
    bar.value = 0;
  }
}

const HEAD = ["time", "block", "kind", "role", "change_cai", "fee_cai", "counterparties", "names", "transaction"];

async function csvRow(item) {
  const others = await counterparties(item);
  const sign = item.change < 0 ? "-" : "";
  const time = new Date(item.timestamp * 1000).toISOString().replace(".000Z", "Z");
  const fee = item.role === "sent" || item.role === "self" ? format(item.fee) : "0";
  const known = others.map((one) => names.get(one) ?? "").filter(Boolean);
  return [time, item.height, item.kind, item.role, sign + format(Math.abs(item.change)), fee, others.join(" "), known.join(" "), item.txid];
}

async function counterparties(item) {
  if (item.kind !== "transfer" || item.role === "mined") return [];
  if (item.role === "received") return [item.sender];
  return (await readOutputs(item.txid)).map((output) => output.to);
}

// Quoted where needed; a name that a spreadsheet would take for a formula begins with an apostrophe.
function toLine(cells) {
  const safe = cells.map((cell, column) => {
    const text = column === 7 && /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : String(cell);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${safe.join(",")}\r\n`;
}

filters.addEventListener("input", fill);
filters.addEventListener("submit", (event) => event.preventDefault());
find("[data-export]").addEventListener("click", exportAll);
find("[data-more]").addEventListener("click", () => {
  wanted += SHOWN;
  fill();
});
start(render);
// A new block: read the newest page again, unless somebody has gone further down.
live.subscribe("tip", { snapshot: () => {}, delta: () => account && wanted === SHOWN && begin() });
