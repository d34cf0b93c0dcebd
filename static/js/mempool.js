// The mempool's page: the server draws its figures and rows again when something comes or goes, at most twice a second.
// Rows do not move under the pointer or the focus: then a button says that there is something new.
import { live } from "./live.js";

const PAUSE = 500;
const place = document.getElementById("mempool");
const news = document.querySelector(".mempool-news");
let timer = null;
let waiting = null;

function plan() {
  if (!("fixed" in place.dataset)) timer ??= setTimeout(refresh, PAUSE);
}

async function refresh() {
  try {
    const response = await fetch(place.dataset.now);
    if (response.ok) show(await response.text());
  } catch {
    // The server is away: the live connection asks again when it is back.
  }
  timer = null;
}

function show(markup) {
  const holder = document.createElement("template");
  holder.innerHTML = markup;
  put("next", holder.content);
  const rows = part("rows");
  const fresh = part("rows", holder.content);
  const names = (root) => [...root.querySelectorAll("tr")].map((row) => row.dataset.txid + row.cells[7]?.textContent).join();
  if (names(rows) === names(fresh)) return;
  const isBusy = rows.matches(":hover") || rows.contains(document.activeElement) || rows.querySelectorAll("tr[data-txid]").length > 25;
  waiting = isBusy ? fresh : null;
  news.hidden = !isBusy;
  if (!isBusy) replaceRows(fresh);
}

const part = (name, root = document) => root.querySelector(`[data-part="${name}"]`);

function put(name, content) {
  const old = part(name);
  const fresh = part(name, content);
  for (const value of fresh.querySelectorAll("[data-number]")) {
    const before = old.querySelector(`[data-number="${value.dataset.number}"]`);
    if (before && before.textContent !== value.textContent) value.classList.add("changed");
  }
  old.replaceWith(fresh);
}

function replaceRows(fresh) {
  const known = new Set([...part("rows").querySelectorAll("[data-txid]")].map((row) => row.dataset.txid));
  for (const row of fresh.querySelectorAll("[data-txid]")) if (!known.has(row.dataset.txid)) row.classList.add("arrived");
  part("rows").replaceWith(fresh);
  globalThis.htmx?.process(fresh);
  waiting = null;
  news.hidden = true;
}

news.querySelector("button").addEventListener("click", () => {
  if (waiting) replaceRows(waiting);
});
live.subscribe("mempool", { snapshot: plan, delta: plan });
live.subscribe("tip", { snapshot: plan, delta: plan });
