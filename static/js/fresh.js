// Parts of a page that follow the chain. When the tip moves, the page is fetched again in the background, and what is
// marked is taken from it: an element with `data-fresh` as a whole, one with `data-fresh-rows` row by row, so that rows
// which were loaded further down stay. Both need an id. Nothing is fetched while nobody looks.
import { live } from "./live.js";

const SPREAD = 1500; // milliseconds over which the pages of many viewers ask
const LEAST = 3000; // between two questions

const MARKED = "[data-fresh][id], [data-fresh-rows][id]";
const asked = { at: 0, timer: null };
let isStale = false;

/** Markup without what this page's scripts change by themselves. */
function normalise(element) {
  const copy = element.cloneNode(true);
  for (const time of copy.querySelectorAll("time[data-unix]")) time.textContent = "";
  for (const one of copy.querySelectorAll(".changed")) one.classList.remove("changed");
  return copy.outerHTML.replace(/ class=""/g, "");
}

function plan() {
  isStale = true;
  if (document.hidden || asked.timer) return;
  const pause = Math.max(Math.random() * SPREAD, asked.at + LEAST - Date.now());
  asked.timer = setTimeout(refresh, pause);
}

async function refresh() {
  isStale = false;
  asked.at = Date.now();
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (response.ok) take(new DOMParser().parseFromString(await response.text(), "text/html"));
  } catch {
    // The server is away: the live connection tells when it is back.
    isStale = true;
  }
  asked.timer = null;
  if (isStale && live.state === "live") plan();
}

function take(page) {
  for (const element of document.querySelectorAll(MARKED)) {
    const fresh = page.getElementById(element.id);
    if (!fresh) continue;
    // Rows do not move under the pointer: they come when it has left.
    if ("freshRows" in element.dataset && element.matches(":hover")) {
      element.addEventListener("pointerleave", plan, { once: true });
    } else if ("freshRows" in element.dataset) {
      mergeRows(element, fresh);
    } else if (normalise(element) !== normalise(fresh)) {
      replace(element, fresh);
    }
  }
  document.dispatchEvent(new Event("refreshed")); // for scripts that show something of the page's numbers
}

function replace(old, fresh) {
  const focused = [...old.querySelectorAll("a, button, summary")].indexOf(document.activeElement);
  old.replaceWith(fresh);
  globalThis.htmx?.process(fresh);
  if (focused >= 0) fresh.querySelectorAll("a, button, summary")[focused]?.focus();
}

const keyOf = (row) => [...row.querySelectorAll("a[href]")].map((link) => link.getAttribute("href")).join(" ");

/** Put the fresh first rows in the place of the old ones; what was loaded behind them stays if it still follows. */
function mergeRows(body, fresh) {
  const wanted = [...fresh.children];
  const keys = wanted.map(keyOf);
  const known = new Map([...body.children].map((row, index) => [keyOf(row), index]));
  let last = wanted.length - 1;
  if (wanted[last]?.classList.contains("older")) last -= 1;
  const end = last < 0 ? undefined : known.get(keys[last]);
  if (end === undefined) {
    if (normalise(body) !== normalise(fresh)) replace(body, fresh);
    return;
  }
  const old = [...body.children].slice(0, end + 1);
  const fits = old.length === last + 1 && old.every((row, index) => keyOf(row) === keys[index]);
  if (fits) return;
  const byKey = new Map(old.map((row) => [keyOf(row), row]));
  const rows = wanted.slice(0, last + 1).map((row, index) => byKey.get(keys[index]) ?? row);
  for (const row of old) if (!rows.includes(row)) row.remove();
  rows.forEach((row, index) => {
    if (body.children[index] !== row) body.insertBefore(row, body.children[index] ?? null);
  });
}

/** Transactions of this page's address that come into the mempool or leave it. */
function concerns(delta) {
  const place = document.querySelector("[data-fresh-sender]");
  if (!place) return false;
  const isMine = (delta.added ?? []).some((one) => one.sender === place.dataset.freshSender);
  return isMine || (delta.removed ?? []).some((txid) => place.querySelector(`a[href="/transactions/${txid}/"]`));
}

function follow() {
  let tip = document.querySelector("[data-tip]")?.dataset.tip ?? "";
  live.subscribe("tip", {
    snapshot: ({ blocks }) => {
      if ((blocks[0]?.hash ?? "") !== tip) plan();
      tip = blocks[0]?.hash ?? "";
    },
    delta: ({ block, kind }) => {
      tip = kind === "connected" ? block.hash : "";
      plan();
    },
  });
  if (document.querySelector("[data-fresh-sender]")) {
    live.subscribe("mempool", { snapshot: () => {}, delta: (delta) => concerns(delta) && plan() });
  }
  document.addEventListener("visibilitychange", () => isStale && plan());
}

if (document.querySelector(MARKED)) follow();
