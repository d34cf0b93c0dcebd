// Transactions that were sent from here, followed until they are deep in the chain: pending, in block N, confirmed.
import { format } from "../amount.js";
import { read } from "../client.js";
import { config } from "../config.js";
import { coins, complain, element, icon, since, state } from "../dom.js";
import { review } from "../sign_box.js";
import { feeAt } from "../transaction.js";
import * as store from "../store.js";
import { live } from "../../live.js";
import { group } from "../../format.js";
import { party, readNames, txLink } from "./rows.js";

const DEEP = 6; // confirmations after which nothing is watched any more
const KEPT = 20;

/** Shows what an account sent from this browser, the last first, and keeps it true. */
export class SentList {
  #place;
  #accounts;
  #address = "";
  #rows = new Map();
  #topics = new Set();
  #isAsking = false;
  #isStale = false;

  constructor(place) {
    this.#place = place;
    live.subscribe("tip", { snapshot: () => this.refresh(), delta: () => this.refresh() });
  }

  /** Show another account's. */
  async show(address, accounts) {
    this.#address = address;
    this.#accounts = accounts;
    const topic = `address:${address}`;
    if (!this.#topics.has(topic)) {
      this.#topics.add(topic);
      live.subscribe(topic, { snapshot: () => this.refresh(), delta: () => this.refresh() });
    }
    await this.refresh();
  }

  /** Ask where each of them stands; what is deep in the chain is not asked for again. */
  async refresh() {
    if (!this.#address) return;
    this.#isStale = true;
    if (this.#isAsking) return;
    this.#isAsking = true;
    while (this.#isStale) {
      this.#isStale = false;
      await this.#draw();
    }
    this.#isAsking = false;
  }

  async #draw() {
    const all = (await store.all("sent")).filter((one) => one.address === this.#address && one.network === config.network);
    const kept = all.sort((a, b) => b.time - a.time).slice(0, KEPT);
    const names = await readNames(this.#accounts);
    const items = [];
    for (const sent of kept) {
      if (!sent.standing || sent.standing.confirmations < DEEP) await this.#ask(sent);
      items.push(this.#row(sent, names));
    }
    this.#place.hidden = items.length === 0;
    const list = this.#place.querySelector("[data-sent-rows]");
    if (!list.contains(document.activeElement) || items.length !== list.children.length) list.replaceChildren(...items);
    else items.forEach((item, i) => list.children[i].querySelector(".sent-standing").replaceWith(item.querySelector(".sent-standing")));
  }

  async #ask(sent) {
    try {
      const { status, block, height, confirmations } = await read(`/api/v1/transactions/${sent.txid}`);
      sent.standing = { status, block, height, confirmations };
      if (confirmations >= DEEP) await store.put("sent", sent);
    } catch (error) {
      if (error.status === 404) sent.standing = { status: "unknown", confirmations: 0 };
    }
  }

  #row(sent, names) {
    const { outputs = [] } = sent.fields.body;
    const total = outputs.reduce((sum, output) => sum + output.amount, 0);
    const whom = outputs.length ? [coins(format(total, { isGrouped: true })), " to ", party(outputs[0].to, names)] : [sent.fields.kind];
    const more = outputs.length > 1 ? ` and ${outputs.length - 1} more` : "";
    const problem = element("p", { class: "problem", role: "alert" });
    return element(
      "li",
      { class: "sent-row panel", "data-txid": sent.txid, "data-status": sent.standing?.status ?? "" },
      element("p", { class: "sent-what" }, ...whom, more),
      element("p", { class: "sent-standing" }, standingOf(sent.standing), " ", waysOut(sent, problem, () => this.refresh())),
      element("p", { class: "quiet sent-foot" }, since(sent.time / 1000), " · fee ", format(sent.fields.fee), " CAI · ", txLink(sent.txid)),
      problem,
    );
  }
}

function standingOf(standing) {
  if (!standing) return state("stale", "hourglass", "not known");
  if (standing.status === "unknown") return state("refused", "circle-x", "this node does not know it any more");
  if (standing.status === "pending") return state("waiting", "hourglass", "pending: waits for a block");
  if (standing.height === null || standing.confirmations === 0) return state("refused", "circle-x", "dropped: it will not happen");
  const words = standing.confirmations === 1 ? "1 confirmation" : `${group(standing.confirmations)} confirmations`;
  return element(
    "span",
    {},
    state("accepted", "circle-check", `in block ${group(standing.height)}`),
    element("span", { class: "confirmations" }, ` ${words}`),
  );
}

// A pending one can be sent again with a higher fee, in the same place.
function waysOut(sent, problem, refresh) {
  if (sent.standing?.status !== "pending") return null;
  const button = element("button", { type: "button", class: "link" }, icon("arrow-up-right"), " Raise the fee");
  button.addEventListener("click", async () => {
    complain(problem, null);
    try {
      if (await replace(sent)) await store.remove("sent", sent.txid);
    } catch (error) {
      complain(problem, error);
    }
    refresh();
  });
  return button;
}

async function replace(sent) {
  const { fields } = sent;
  let step = 1;
  try {
    const fees = await read("/api/v1/fees");
    step = Math.max(1, feeAt(fees.increment, fields));
  } catch {
    // Then any higher fee is tried; the node says what it wants.
  }
  return review({
    kind: fields.kind,
    title: "Raise the fee",
    body: fields.body,
    sequence: fields.sequence,
    least: fields.fee + step,
    lines: (fee) => [
      `The same transaction is sent again with a fee of ${format(fee)} CAI instead of ${format(fields.fee)} CAI.`,
      "Only one of the two can happen: the other is dropped.",
    ],
  });
}
