// One recipient of a transfer: an address or a contact's name, and an amount; and many of them from pasted lines.
import { check } from "../address.js";
import { format, parse } from "../amount.js";
import { element, icon } from "../dom.js";
import { checkWhileTyping, readAmount } from "./fields.js";

let count = 0;

export class Recipient {
  #id = (count += 1);
  #amount;
  #problem = element("p", { class: "problem", role: "alert", id: `amount-problem-${this.#id}` });
  #field;
  #input;
  #legend = element("legend", {});
  #removal;
  isAll = false;

  constructor({ address, amount, names, onChange, onRemove, onAll }) {
    this.#input = element("input", { id: `to-${this.#id}`, class: "mono", list: "contact-list", value: address, autocomplete: "off", autocapitalize: "none", spellcheck: "false", placeholder: "cai1… or a contact" });
    this.#amount = element("input", { id: `amount-${this.#id}`, class: "num", value: amount, inputmode: "decimal", autocomplete: "off", "aria-describedby": `amount-problem-${this.#id}` });
    this.#removal = element("button", { type: "button", class: "icon-button", "aria-label": "Remove this recipient", click: () => onRemove(this) }, icon("x"));
    const all = element("button", { type: "button", class: "link", click: () => onAll(this) }, "all");
    const to = element("div", { class: "field" }, element("label", { for: `to-${this.#id}` }, "To"), this.#input);
    const units = element("div", { class: "with-unit" }, this.#amount, element("span", { class: "unit" }, "CAI"), all);
    const how = element("div", { class: "field" }, element("label", { for: `amount-${this.#id}` }, "Amount"), units, this.#problem);
    this.element = element("fieldset", { class: "recipient" }, this.#legend, to, how, this.#removal);
    this.#field = checkWhileTyping(this.#input, { names, onChange });
    this.#amount.addEventListener("input", () => {
      this.isAll = false;
      readAmount(this.#amount, this.#problem);
      onChange();
    });
    if (address) this.#field.isRight();
    if (amount) readAmount(this.#amount, this.#problem);
  }

  get address() {
    return this.#field.value;
  }

  get isRight() {
    return check(this.address).ok;
  }

  get isEmpty() {
    return this.#input.value === "" && this.#amount.value === "";
  }

  /** Base units, or null. */
  get units() {
    try {
      return parse(this.#amount.value);
    } catch {
      return null;
    }
  }

  setAmount(text) {
    this.#amount.value = text;
    if (text) readAmount(this.#amount, this.#problem);
  }

  /** Say what is wrong with it; true when nothing is. */
  check() {
    const isAddress = this.#field.isRight();
    const units = readAmount(this.#amount, this.#problem);
    return isAddress && units !== null;
  }

  focus() {
    (this.isRight ? this.#amount : this.#input).focus();
  }

  number(place, all) {
    this.#legend.textContent = all === 1 ? "Recipient" : `Recipient ${place}`;
    this.#legend.className = all === 1 ? "visually-hidden" : "";
    this.#removal.hidden = all === 1;
  }
}

/** Lines "address, amount" (or tab, semicolon, blanks between them) -> {rows, problems}, each problem with its line. */
export function readLines(text, names) {
  const rows = [];
  const problems = [];
  text.split(/\r?\n/).forEach((line, i) => {
    const typed = line.trim();
    if (!typed || (i === 0 && /^"?(address|to|recipient)\b/i.test(typed))) return;
    const [first, second = ""] = cells(typed);
    const address = names.get(first.toLowerCase()) ?? first;
    const found = check(address);
    if (!found.ok) return void problems.push(`Line ${i + 1}: ${found.says}`);
    try {
      const units = parse(second);
      if (units < 1) throw new Error("the amount is 0.");
      rows.push({ address: first, amount: format(units) });
    } catch (error) {
      problems.push(`Line ${i + 1}: ${error.message}`);
    }
  });
  return { rows, problems };
}

function cells(line) {
  const separator = ["\t", ";", ","].find((sign) => line.includes(sign)) ?? /\s+(?=\S+$)/;
  return line.split(separator).map((cell) => cell.trim().replace(/^"(.*)"$/, "$1"));
}
