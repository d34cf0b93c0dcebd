// The overview: what the account in use has, what is on its way, what ripens next, live by the address's topic.
import { format } from "../amount.js";
import { read, readAddress, send } from "../client.js";
import { coins, complain, element, state } from "../dom.js";
import { session } from "../session.js";
import { live } from "../../live.js";
import { duration, group } from "../../format.js";
import { start } from "./frame.js";
import { change, describe, historyRow, party, readNames, readOutputs } from "./rows.js";
import { startSignIn } from "./sign_in_panel.js";

const find = (selector) => document.querySelector(selector);
const RECENT = 8;
const locked = (address) => `/addresses/${address}/#locked`; // it names the proposals
const PAGES = { "stakes on proposals": locked, "deposits for proposals": locked, "bond as a keeper": (address) => `/keepers/${address}/` };
const PURPOSES = { rewards: "rewards that are not ripe", stakes: "stakes on proposals", deposits: "deposits for proposals", bond: "bond as a keeper" };
const topics = new Set();
const waits = new Map(); // address -> what waits
let parameters = null;
let shown = null;
let isAsking = false;
let isStale = false;

function render(account) {
  shown = account;
  const topic = `address:${account.address}`;
  if (!topics.has(topic)) {
    topics.add(topic);
    const waiting = new Map(); // what waits of the address and for it, by id
    waits.set(account.address, waiting);
    live.subscribe(topic, {
      snapshot: ({ transactions }) => {
        waiting.clear();
        for (const one of transactions) waiting.set(one.txid, one);
        refresh();
      },
      delta: ({ transaction, status }) => {
        if (status === "pending") waiting.set(transaction.txid, transaction);
        else waiting.delete(transaction.txid);
        refresh();
      },
    });
  }
  refresh();
}

async function refresh() {
  isStale = true;
  if (isAsking || !shown || !session.isShown) return;
  isAsking = true;
  while (isStale) {
    isStale = false;
    try {
      await draw(shown);
    } catch {
      // The site is away; the dot in the header says so, and the next message asks again.
    }
  }
  isAsking = false;
}

async function draw(account) {
  const path = `/api/v1/addresses/${account.address}`;
  parameters ??= await read("/api/v1/parameters");
  const [view, history, status, names] = await Promise.all([
    readAddress(account.address),
    read(`${path}/transactions?limit=100`),
    read("/api/v1/status"),
    readNames(session.accounts),
  ]);
  if (account.address !== shown.address) return;
  drawBalance(view);
  drawRipening(history.items, status);
  await drawWaiting([...(waits.get(account.address)?.values() ?? [])], account.address, names);
  const items = history.items.slice(0, RECENT);
  find("[data-history]").hidden = items.length === 0;
  find("[data-history-empty]").hidden = items.length > 0;
  replaceRows(find("[data-history-rows]"), items.map((item) => historyRow(item, names, ["block"])));
}

function drawBalance(view) {
  const total = view.balance + view.locked;
  setText(find("[data-total]"), coins(format(total, { isGrouped: true })));
  const { incoming, outgoing } = view.pending;
  const parts = [view.locked ? `${format(view.balance, { isGrouped: true })} CAI can be spent` : "all of it can be spent"];
  if (incoming) parts.push(`${format(incoming, { isGrouped: true })} CAI on their way in`);
  if (outgoing) parts.push(`${format(outgoing, { isGrouped: true })} CAI on their way out`);
  find("[data-total-words]").textContent = parts.join(", ");
  const rows = [["can be spent", view.balance], ...Object.entries(PURPOSES).map(([name, words]) => [words, view.locked_for[name]])];
  if (incoming || outgoing) rows.push(["on their way in", incoming], ["on their way out", outgoing]);
  find("[data-purposes]").replaceChildren(
    ...rows.map(([words, amount]) =>
      element(
        "tr",
        { class: amount ? false : "nothing" },
        element("th", { scope: "row" }, amount && PAGES[words] ? element("a", { href: PAGES[words](view.address) }, words) : words),
        element("td", { class: "right num" }, amount ? format(amount, { isGrouped: true }) : "0"),
      )),
  );
}

// A number that has changed fades once.
function setText(place, fresh) {
  const isChanged = place.textContent !== "–" && place.textContent !== fresh.textContent;
  place.replaceChildren(fresh);
  if (isChanged) fresh.classList.add("changed");
}

// The oldest reward that is still locked: the block that frees it, and about when that comes.
function drawRipening(items, { height, round }) {
  const unripe = items.filter((item) => item.role === "mined" && item.height + parameters.maturity_blocks > height);
  const next = unripe.at(-1);
  const place = find("[data-ripens]");
  place.hidden = !next;
  if (!next) return;
  const left = next.height + parameters.maturity_blocks - height;
  const pace = items.length && height > next.height ? (round.started - next.timestamp) / (height - next.height) : 0;
  const when = pace > 0 ? `, in about ${duration(left * pace)}` : "";
  place.textContent = `Next, ${format(next.change, { isGrouped: true })} CAI of block ${group(next.height)} ripen with block ${group(height + left)}${when}.`;
}

async function drawWaiting(pending, address, names) {
  const rows = await Promise.all(pending.map((item) => waitingRow(item, address, names)));
  find("[data-waiting]").hidden = rows.length === 0;
  replaceRows(find("[data-waiting-rows]"), rows);
}

async function waitingRow(item, address, names) {
  const role = item.sender === address ? "sent" : "received";
  const outputs = item.kind === "transfer" ? await readOutputs(item.txid) : [];
  const mine = outputs.filter((output) => output.to === address).reduce((sum, output) => sum + output.amount, 0);
  const loss = role === "sent" ? mine - item.amount - item.fee : mine;
  const what = role === "received" ? element("span", {}, "from ", party(item.sender, names)) : describe({ ...item, role }, names);
  return element(
    "tr",
    { "data-txid": item.txid },
    element("td", {}, element("a", { href: `/transactions/${item.txid}/` }, "pending")),
    element("td", {}, what),
    element("td", {}, state("waiting", "hourglass", role === "received" ? "coming in" : "going out")),
    element("td", { class: "right" }, change(loss)),
  );
}

// Rows that were not there before arrive with a short highlight; nothing moves while somebody points at them.
function replaceRows(body, rows) {
  const before = new Set([...body.children].map((row) => row.dataset.txid));
  const isFirst = before.size === 0;
  for (const row of rows) if (!isFirst && !before.has(row.dataset.txid)) row.classList.add("arrived");
  if (!body.matches(":hover") && !body.contains(document.activeElement)) body.replaceChildren(...rows);
  else if (rows.some((row) => !before.has(row.dataset.txid)) || rows.length !== before.size)
    body.addEventListener("mouseleave", () => body.replaceChildren(...rows), { once: true });
}

// Coins that are worth nothing, on networks that have a faucet; they show up as every other payment does.
find("[data-faucet]")?.addEventListener("click", async (event) => {
  const button = event.currentTarget;
  const problem = find("[data-faucet-problem]");
  complain(problem, null);
  button.disabled = true;
  try {
    await send("POST", "/api/v1/faucet", { address: shown.address });
    refresh();
  } catch (error) {
    complain(problem, error);
  }
  button.disabled = false;
});
startSignIn();
start(render);
live.subscribe("tip", { snapshot: refresh, delta: refresh });
