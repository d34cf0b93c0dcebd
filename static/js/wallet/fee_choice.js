// The choice of a fee: what the mempool suggests, with how long it will take, or an own one.
import { format, parse } from "./amount.js";
import { read } from "./client.js";
import { coins, complain, element } from "./dom.js";
import { feeAt } from "./transaction.js";

const OWN = "own";
let count = 0;

/** Radio buttons in a fieldset; says "change" when another fee is chosen or typed. */
export class FeeChoice extends EventTarget {
  #least;
  #rates = [];
  #minimum = 0;
  #fields = null;
  #chosen = null;
  #name = `fee-${(count += 1)}`;
  #list = element("div", { class: "choices" });
  #own = element("input", { type: "text", inputmode: "decimal", class: "num", "aria-label": "Own fee in CAI", autocomplete: "off" });
  #problem = element("p", { class: "problem", role: "alert" });

  /** A replacement needs `least` base units at least. */
  constructor({ least = 0 } = {}) {
    super();
    this.#least = least;
    this.element = element("fieldset", { class: "fee-choice" }, element("legend", {}, "Fee"), this.#list, this.#problem);
    this.#list.addEventListener("change", (event) => this.#choose(event.target.value));
    this.#own.addEventListener("input", () => this.#choose(OWN));
  }

  /** Ask for the suggestions, then show them for a transaction of these fields (fee and signature aside). */
  async load(fields) {
    this.#fields = fields;
    try {
      const { minimum, suggestions } = await read("/api/v1/fees");
      this.#minimum = minimum;
      this.#rates = suggestions;
    } catch {
      this.#rates = []; // only an own fee then
    }
    this.#chosen ??= this.#rates.length ? this.#rates[0].name : OWN;
    this.#list.replaceChildren(...this.#rates.map((rate) => this.#option(rate)), this.#ownOption());
    this.show(this.#fields); // which may have changed while the site was asked
  }

  /** The transaction has changed, and with it its size. */
  show(fields) {
    this.#fields = fields;
    if (this.#list.childElementCount === 0) return; // the suggestions have not come yet
    for (const rate of this.#rates) {
      const amount = this.#list.querySelector(`[data-rate="${CSS.escape(rate.name)}"]`);
      amount.replaceChildren(coins(format(this.#feeOf(rate), { isGrouped: true })));
    }
    this.#own.placeholder = format(this.lowest);
    this.#list.querySelector("[data-least]").textContent = `at least ${format(this.lowest)} CAI`;
  }

  /** The least fee in base units that this node takes for it. */
  get lowest() {
    return Math.max(this.#least, this.#fields ? feeAt(this.#minimum, this.#fields) : 0);
  }

  /** The chosen fee in base units; throws what is wrong with it. */
  get fee() {
    complain(this.#problem, null);
    if (this.#chosen !== OWN) return this.#feeOf(this.#rates.find((rate) => rate.name === this.#chosen));
    try {
      const fee = this.#own.value.trim() === "" ? this.lowest : parse(this.#own.value);
      if (fee < this.lowest) throw new Error(`The fee is at least ${format(this.lowest)} CAI here.`);
      return fee;
    } catch (error) {
      complain(this.#problem, error.message);
      throw error;
    }
  }

  #feeOf(rate) {
    return Math.max(this.lowest, feeAt(rate.fee_per_kilobyte, this.#fields));
  }

  #choose(name) {
    this.#chosen = name;
    const radio = this.#list.querySelector(`input[value="${CSS.escape(name)}"]`);
    if (radio) radio.checked = true;
    this.dispatchEvent(new Event("change"));
  }

  #option(rate) {
    return this.#row(
      rate.name,
      element("span", { class: "choice-name" }, nameOf(rate), element("small", {}, expected(rate.blocks))),
      element("span", { "data-rate": rate.name }),
    );
  }

  #ownOption() {
    return this.#row(OWN, element("span", { class: "choice-name" }, "Own fee", element("small", { "data-least": "" })), this.#own);
  }

  #row(value, ...parts) {
    const id = `${this.#name}-${value.replace(/\W+/g, "-")}`;
    const radio = element("input", { type: "radio", id, name: this.#name, value, checked: value === this.#chosen });
    const [words, amount] = parts;
    return element("div", { class: "choice" }, radio, element("label", { for: id }, words), amount);
  }
}

function nameOf({ name }) {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

function expected(blocks) {
  return blocks === 1 ? "in the next block, as things stand" : `within ${blocks} blocks, as things stand`;
}
