// “Become a keeper”: the estimate follows the capacity while it is typed, and the wallet signs the registration.
import { group } from "../format.js";
import { format, parse } from "../wallet/amount.js";
import { readAddress } from "../wallet/client.js";
import { coins, complain, element, hash } from "../wallet/dom.js";
import { session } from "../wallet/session.js";
import { review } from "../wallet/sign_box.js";
import { estimate, readCapacity } from "./income.js";

const NARROW = "\u202f";
const find = (selector) => document.querySelector(selector);
const income = find("[data-income]");
const register = find("[data-register]");
const [amount, unit] = [find("#capacity"), income.querySelector("select")];
const [endpoint, bond] = [find("#endpoint"), find("#bond")];
let isBondTyped = false;

const readTerms = () => JSON.parse(document.getElementById("keeper-terms").textContent);
const cai = (units) => format(Math.round(units), { isGrouped: true });

/** Bytes as the server writes them: "812 B", "63.4 KiB", "1.25 MiB". */
function bytesOf(value) {
  const names = ["B", "KiB", "MiB", "GiB"];
  let [size, i] = [Math.round(value), 0];
  while (size >= 1000 && i < names.length - 1) [size, i] = [size / 1024, i + 1];
  return `${i === 0 ? size : size.toFixed(size < 10 ? 2 : size < 100 ? 1 : 0)}${NARROW}${names[i]}`;
}

function tell(problem, field, error) {
  complain(problem, error);
  if (error) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
}

function show() {
  let capacity;
  try {
    capacity = readCapacity(amount.value, unit.value);
  } catch (error) {
    return tell(find("#capacity-problem"), amount, error);
  }
  tell(find("#capacity-problem"), amount, null);
  const found = estimate(readTerms(), capacity);
  const words = {
    "per-day": cai(Number(found.perDay.toPrecision(4))),
    "per-block": cai(Number(found.perBlock.toPrecision(4))),
    share: `${(100 * found.share).toFixed(1)}%`,
    replicas: group(found.replicas),
    bytes: bytesOf(found.bytes),
    bond: cai(found.bond),
    "bond-least": cai(found.bond),
    "command-size": `${amount.value.trim()}${unit.value}`,
  };
  for (const [name, text] of Object.entries(words))
    for (const place of document.querySelectorAll(`[data-${name}]`)) place.textContent = text;
  if (!isBondTyped) bond.value = format(found.bond);
}

function readEndpoint() {
  const text = endpoint.value.trim();
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !["http:", "https:"].includes(url.protocol) || !url.hostname)
    throw new Error("Write the whole address, as in https://keeper.example.org.");
  if (!/^[\x21-\x7e]+$/.test(text)) throw new Error("The chain takes ASCII characters only; write names in their xn-- form.");
  return text;
}

function readBond(least) {
  const units = parse(bond.value);
  if (units < least) throw new Error(`The bond for this space is at least ${cai(least)} CAI.`);
  return units;
}

/** What a field says, or null when it complained. */
function ask(read, field, problem) {
  try {
    const value = read();
    tell(problem, field, null);
    return value;
  } catch (error) {
    tell(problem, field, error);
    return null;
  }
}

/** What the account of this browser has locked as a keeper already, in base units. */
async function readPresentBond() {
  await session.ready;
  return session.current ? (await readAddress(session.current.address)).locked_for.bond : 0;
}

function sayBond(locked, present) {
  const amount = (units) => coins(format(units, { isGrouped: true }));
  if (!present) return element("span", {}, "You lock ", amount(locked), " as your bond.");
  if (locked === present) return element("span", {}, "Your bond stays at ", amount(present), ": nothing more is locked.");
  return element("span", {}, "You lock ", amount(locked - present), " more; your bond is then ", amount(locked), ".");
}

async function copyCommand() {
  await navigator.clipboard.writeText(find("[data-command]").textContent);
  const words = find("[data-copy-command] span");
  words.textContent = "Copied";
  setTimeout(() => (words.textContent = "Copy"), 2000);
}

async function sign(event) {
  event.preventDefault();
  const capacity = ask(() => readCapacity(amount.value, unit.value), amount, find("#capacity-problem"));
  if (capacity === null) return amount.focus();
  const where = ask(readEndpoint, endpoint, find("#endpoint-problem"));
  if (where === null) return endpoint.focus();
  const locked = ask(() => readBond(estimate(readTerms(), capacity).bond), bond, find("#bond-problem"));
  if (locked === null) return bond.focus();
  const present = await readPresentBond();
  if (locked < present) {
    tell(find("#bond-problem"), bond, new Error(`Your bond is ${cai(present)} CAI now and cannot become smaller while you keep.`));
    return bond.focus();
  }
  const lines = [
    element("span", {}, "You offer ", element("strong", { class: "num" }, bytesOf(capacity)), ` at ${where}, from the block on that takes this in.`),
    sayBond(locked, present),
    "Your program must hold what blocks assign to it and answer audits in time; every miss costs a part of the bond.",
  ];
  const sent = await review({ kind: "keeper", body: { capacity, endpoint: where, bond: locked }, lines });
  if (!sent) return;
  const address = session.current.address;
  register
    .querySelector("[data-sent]")
    .replaceChildren("Registered when a block holds ", hash(sent.txid, { url: `/transactions/${sent.txid}/` }), "; then it has ", element("a", { href: `/keepers/${address}/` }, "its page"), ".");
}

amount.addEventListener("input", show);
unit.addEventListener("change", show);
bond.addEventListener("input", () => (isBondTyped = true));
income.addEventListener("submit", (event) => event.preventDefault());
register.addEventListener("submit", (event) => sign(event).catch((error) => tell(find("#bond-problem"), bond, error)));
find("[data-copy-command]").addEventListener("click", copyCommand);
document.addEventListener("refreshed", show);
show();
