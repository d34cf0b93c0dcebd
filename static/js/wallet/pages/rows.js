// Rows of transactions, as the overview and the history show them.
import { format } from "../amount.js";
import { read } from "../client.js";
import { element, hash, since } from "../dom.js";
import * as store from "../store.js";
import { group } from "../../format.js";

const WORDS = {
  transfer: { sent: "sent to", received: "received from", self: "sent to oneself" },
  propose: { sent: "deposit for a proposal" },
  support: { sent: "support for a proposal" },
  withdraw: { sent: "support taken back" },
  keeper: { sent: "bond as a keeper" },
  leave: { sent: "left as a keeper" },
  storage_proof: { sent: "proof of storage" },
};

/** Names that stand in for addresses: own accounts and contacts. */
export async function readNames(accounts) {
  const contacts = await store.all("contacts");
  return new Map([...contacts.map((one) => [one.address, one.name]), ...accounts.map((one) => [one.address, one.label])]);
}

/** A gain or a loss in CAI, its sign in front. */
export function change(units) {
  const sign = units > 0 ? "+" : units < 0 ? "\u2212" : "";
  const [whole, decimals = ""] = format(Math.abs(units), { isGrouped: true }).split(".");
  const zeros = "0".repeat(8 - decimals.length);
  return element("span", { class: "num" }, `${sign}${whole}.${decimals}`, element("span", { class: "zeros" }, zeros));
}

/** An address by its name, if it has one. */
export function party(address, names) {
  return hash(address, { url: `/addresses/${address}/`, name: names.get(address) ?? "" });
}

/** What a transaction did, in words; the recipient of a transfer is filled in when the API has told it. */
export function describe(item, names) {
  if (item.role === "mined") return element("span", {}, "mined ", element("a", { href: `/blocks/${item.height}/` }, `block ${group(item.height)}`));
  if (item.role === "returned") return element("span", {}, "came back or was paid in ", element("a", { href: `/blocks/${item.height}/` }, `block ${group(item.height)}`));
  const words = WORDS[item.kind]?.[item.role] ?? WORDS[item.kind]?.sent ?? item.kind;
  const place = element("span", {}, `${words} `);
  if (item.kind !== "transfer") return place;
  if (item.role === "received") place.append(party(item.sender, names));
  if (item.role === "sent") fillRecipients(place, item, names);
  return place;
}

const known = new Map();

/** The outputs of a transfer: [{to, amount}…]. */
export async function readOutputs(txid) {
  if (!known.has(txid)) {
    const sent = await store.get("sent", txid);
    known.set(txid, sent?.fields.body.outputs ?? (await read(`/api/v1/transactions/${txid}`)).transaction.body.outputs);
  }
  return known.get(txid);
}

async function fillRecipients(place, { txid }, names) {
  try {
    const outputs = await readOutputs(txid);
    place.append(party(outputs[0].to, names));
    if (outputs.length > 1) place.append(` and ${outputs.length - 1} more`);
  } catch {
    place.textContent = "sent"; // the row's link leads to the whole transaction
  }
}

/** A link to a transaction. */
export function txLink(txid) {
  return hash(txid, { url: `/transactions/${txid}/` });
}

/** A row of the history; `cells` names the columns behind "What". */
export function historyRow(item, names, cells) {
  const columns = {
    transaction: () => element("td", { class: "wide" }, txLink(item.txid)),
    block: () => element("td", { class: "wide" }, element("a", { class: "num", href: `/blocks/${item.block}/` }, group(item.height))),
  };
  return element(
    "tr",
    { "data-txid": item.txid },
    element("td", {}, element("a", { class: "plain", href: `/transactions/${item.txid}/` }, since(item.timestamp))),
    element("td", {}, describe(item, names)),
    ...cells.map((name) => columns[name]()),
    element("td", { class: "right" }, change(item.change)),
  );
}
