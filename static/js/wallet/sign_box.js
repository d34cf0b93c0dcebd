// Review in plain words, then sign and send: the one way in which any page of the site makes a transaction.
//
//   import `review` from this module; {% sign_box %} in the page's template
//   const sent = await review({ kind: "support", body: { proposal, amount }, lines: ["You lock 500 CAI on «Diamonds»."] });
//   if (sent) follow(sent.txid);                          null: the person went back, nothing was signed
import { format } from "./amount.js";
import { readAddress, submit } from "./client.js";
import { config } from "./config.js";
import { busy, coins, complain, element, hash, icon } from "./dom.js";
import { FeeChoice } from "./fee_choice.js";
import { currentAccount, requireUnlocked, session } from "./session.js";
import * as store from "./store.js";
import { assemble, messageOf } from "./transaction.js";
import { box } from "./unlock_box.js";

const TITLES = {
  transfer: "Send coins",
  propose: "Make a proposal",
  support: "Support a proposal",
  withdraw: "Take support back",
  keeper: "Register as a keeper",
  leave: "Stop being a keeper",
  storage_proof: "Prove a stored object",
};

/**
 * Show what will happen and send it when the person agrees: {txid, fee, sequence}, or null.
 *
 * `body` is the transaction's body, or a function of the fee that gives it; `lines` are sentences (texts or elements),
 * or such a function. `fee` fixes the fee; `sequence` and `least` (base units) are for replacing a pending one.
 */
export async function review({ kind, body, lines, title = TITLES[kind], fee = null, sequence = null, least = 0 }) {
  await session.ready;
  const account = currentAccount();
  const state = account ? await readAddress(account.address) : null;
  return new Promise((resolve) => {
    let sent = null;
    const dialog = box(title, () => resolve(sent));
    const request = { kind, body, lines, fee, sequence, least, account, state };
    if (!account) return refuse(dialog, ["There is no wallet in this browser yet. ", link("/wallet/create/", "Make one"), " or ", link("/wallet/restore/", "restore one"), "."]);
    if (account.source === "watch") return refuse(dialog, ["This wallet only watches ", hash(account.address), ". Choose an account whose key it holds to sign."]);
    new Review(dialog, request, (result) => {
      sent = result;
      dialog.close();
    }).start();
  });
}

/** The sequence number that the account's next transaction takes, behind those that wait. */
export function nextSequence(state) {
  return state.pending.next_sequence;
}

function link(href, words) {
  return element("a", { href }, words);
}

function refuse(dialog, words) {
  dialog.append(
    element("p", {}, ...words),
    element("div", { class: "buttons" }, element("button", { type: "button", class: "button", click: () => dialog.close() }, "Back")),
  );
  dialog.showModal();
}

class Review {
  #dialog;
  #request;
  #done;
  #choice = null;
  #lines = element("ul", { class: "plain-words" });
  #total = element("dl", { class: "sign-facts" });
  #raw = element("pre", { class: "raw", tabindex: "0" });
  #problem = element("div", { class: "problem", role: "alert" });

  constructor(dialog, request, done) {
    this.#dialog = dialog;
    this.#request = request;
    this.#done = done;
  }

  async start() {
    const form = this.#build();
    if (this.#request.fee === null) {
      this.#choice = new FeeChoice({ least: this.#request.least });
      this.#choice.addEventListener("change", () => this.#show());
      form.querySelector("[data-fee]").append(this.#choice.element);
      await this.#choice.load(this.#fields(this.#request.least));
    }
    this.#show();
    this.#dialog.append(form);
    this.#dialog.showModal();
  }

  #build() {
    const send = element("button", { type: "submit", class: "button button-main" }, icon("key"), element("span", {}, "Sign and send"));
    const back = element("button", { type: "button", class: "button", click: () => this.#dialog.close() }, "Back");
    const form = element(
      "form",
      { class: "form", method: "dialog" },
      this.#lines,
      element("div", { "data-fee": "" }),
      this.#total,
      element("details", {}, element("summary", {}, "Exactly what is signed"), this.#raw),
      this.#problem,
      element("div", { class: "buttons" }, send, back),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send(form);
    });
    return form;
  }

  get #fee() {
    return this.#request.fee ?? this.#choice.fee;
  }

  #fields(fee) {
    const { kind, body, account, state, sequence } = this.#request;
    return {
      network: config.network,
      kind,
      key: account.publicKey,
      sequence: sequence ?? nextSequence(state),
      fee,
      body: typeof body === "function" ? body(fee) : body,
    };
  }

  #show() {
    let fee;
    try {
      fee = this.#fee;
    } catch {
      return; // the choice says what is wrong with it
    }
    const fields = this.#fields(fee);
    this.#choice?.show(fields);
    const { lines, account } = this.#request;
    const words = typeof lines === "function" ? lines(fee) : lines;
    this.#lines.replaceChildren(...words.map((line) => element("li", {}, line)));
    this.#total.replaceChildren(
      fact("From", element("span", {}, account.label, " ", hash(account.address))),
      fact("Fee", coins(format(fee, { isGrouped: true }))),
      fact("Number of this transaction", String(fields.sequence)),
    );
    this.#raw.textContent = JSON.stringify(fields, null, 1);
  }

  async #send(form) {
    complain(this.#problem, null);
    try {
      this.#done(await busy(form, () => this.#sign(this.#fee)));
    } catch (error) {
      complain(this.#problem, error);
    }
  }

  async #sign(fee) {
    const signer = await requireUnlocked();
    if (signer.address !== this.#request.account.address)
      throw new Error("Another tab has chosen another account meanwhile. Go back and look again.");
    return alone(async () => {
      this.#request.state = await readAddress(signer.address);
      const fields = this.#fields(fee);
      const { raw, txid } = assemble(fields, await signer.sign(messageOf(fields)));
      await submit(raw);
      await store.put("sent", { txid, network: config.network, address: signer.address, fields, time: Date.now() });
      return { txid, fee, sequence: fields.sequence };
    });
  }
}

function fact(name, value) {
  return element("div", {}, element("dt", {}, name), element("dd", {}, value));
}

// Two tabs must not take the same sequence number; a page that is not secure has no locks, there the node refuses one.
function alone(work) {
  return navigator.locks ? navigator.locks.request("coinai-wallet-sequence", work) : work();
}
