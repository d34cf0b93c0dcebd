// A transaction's page: where it stands, kept true while the chain moves, and the proof that its block holds it,
// computed here from what the API tells.
import { live } from "./live.js";
import { group, short } from "./format.js";
import { blockHash } from "./verify/block.js";
import { fromHex, toHex } from "./verify/bytes.js";
import { climb } from "./verify/merkle.js";
import { txid } from "./verify/transactions.js";

const SIGNS = { passed: "circle-check", failed: "circle-x", missing: "alert-triangle" };
const place = document.querySelector("[data-transaction]");
const proofPlace = document.querySelector("[data-proof-place]");

class Proof {
  #section;
  #failed = null;

  constructor(section) {
    this.#section = section;
  }

  async run() {
    if (!this.#section.dataset.block) return;
    try {
      this.#check(...(await this.#fetch()));
    } catch (error) {
      this.#say("missing", `Not decided: ${error.message}`);
      return;
    }
    if (this.#failed) this.#say("failed", `The proof is wrong: ${this.#failed}. What this server shows cannot be.`);
    else this.#say("passed", "Proved: the block's hash can only come about with this transaction in it.");
  }

  async #fetch() {
    const id = this.#section.dataset.proof;
    const { transaction } = await read(`/api/v1/transactions/${id}`);
    const proof = await read(`/api/v1/transactions/${id}/proof`);
    const { header } = await read(`/api/v1/blocks/${proof.block}`);
    return [id, transaction, proof, header];
  }

  #check(id, transaction, proof, header) {
    const named = txid(transaction);
    this.#step("id", named === id, "", named, "the transaction has another id");
    const { leaf, steps, isWhole } = climb(fromHex(id), proof.index, proof.count, proof.path.map(fromHex));
    this.#step("leaf", true, "", toHex(leaf));
    steps.forEach(({ sibling, isLeft, hash }, i) => {
      const neighbour = `${short(toHex(sibling))} on its ${isLeft ? "left" : "right"}`;
      this.#step(String(i + 1), true, `with ${neighbour}`, toHex(hash));
    });
    const root = toHex(steps.at(-1)?.hash ?? leaf);
    const isSame = isWhole && root === header.transactions;
    this.#step("root", isSame, isSame ? "the same as computed" : `computed: ${short(root)}`, header.transactions, "the root is another one");
    const hash = blockHash(header);
    const isNamed = hash === this.#section.dataset.block;
    this.#step("block", isNamed, isNamed ? `of block ${group(header.height)}, computed from its header` : "", hash, "the header has another hash");
  }

  #step(name, isRight, says, hash, failure) {
    const row = this.#section.querySelector(`[data-step="${name}"]`);
    if (!isRight) this.#failed ??= failure;
    if (!row) {
      this.#failed ??= "it has another length than the tree";
      return;
    }
    row.dataset.state = isRight ? "passed" : "failed";
    if (says) row.querySelector(".proof-says").textContent = says;
    const value = row.querySelector(".proof-hash");
    value.textContent = short(hash);
    value.title = hash;
  }

  #say(state, words) {
    const status = this.#section.querySelector(".proof-status");
    const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    icon.setAttribute("class", "icon");
    icon.setAttribute("aria-hidden", "true");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", `${this.#section.dataset.sprite}#${SIGNS[state]}`);
    icon.append(use);
    status.dataset.state = state;
    status.replaceChildren(icon, words);
  }
}

async function read(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} answers ${response.status}.`);
  return response.json();
}

function prove() {
  new Proof(document.getElementById("proof")).run();
}

let isAsking = false;
let isStale = false;

// The server draws where the transaction stands; the page only puts it in place of what it showed.
async function refresh() {
  isStale = true;
  if (isAsking) return;
  isAsking = true;
  while (isStale) {
    isStale = false;
    try {
      const response = await fetch(place.dataset.now);
      if (response.ok) show(await response.text());
    } catch {
      // The server is away: the live connection tells when it is back.
    }
  }
  isAsking = false;
}

function show(markup) {
  const holder = document.createElement("template");
  holder.innerHTML = markup;
  const old = document.getElementById("standing");
  const fresh = holder.content.getElementById("standing");
  const words = (section, selector) => section.querySelector(selector)?.textContent;
  const changed = [".state", "[data-confirmations]"].filter((one) => words(old, one) !== words(fresh, one));
  if (!changed.length && old.dataset.block === fresh.dataset.block) return;
  const holdsFocus = old.contains(document.activeElement);
  const index = [...old.querySelectorAll("a, button")].indexOf(document.activeElement);
  old.replaceWith(fresh);
  for (const one of changed) fresh.querySelector(one).classList.add("changed");
  if (holdsFocus) fresh.querySelectorAll("a, button")[index]?.focus();
  if (old.dataset.block !== fresh.dataset.block) {
    proofPlace.replaceChildren(holder.content.getElementById("proof"));
    prove();
  }
}

prove();
const isMine = (delta) => [...(delta.added ?? []).map((one) => one.txid), ...(delta.removed ?? [])].includes(place.dataset.transaction);
live.subscribe("tip", { snapshot: refresh, delta: refresh });
live.subscribe("mempool", { snapshot: () => {}, delta: (delta) => isMine(delta) && refresh() });
