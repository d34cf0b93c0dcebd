// From hash to text (protocol, sections 4 and 4.2).
import { bigEndian, concat, fromHex, toBigInt, utf8 } from "./bytes.js";
import { sha3_512 } from "./hashes.js";
import { Refused, require } from "./refused.js";

const WHOLE = 2n ** 512n;
const RESERVE = 2n ** 64n;
const MAX_EXPANSIONS = 65536;
const MAX_TEXT = 65536;

/** H: 64 bytes from the parent's hash, the Merkle root (both hex) and the nonce. */
export function seedOf(previous, transactions, nonce) {
  return sha3_512(concat(fromHex(previous), fromHex(transactions), bigEndian(nonce, 8)));
}

// The number that the choices are taken from, by either rule.
class Number512 {
  #seed;
  #rule;
  #m;
  #room = WHOLE;
  #refills = 0;

  constructor(seed, rule) {
    this.#seed = seed;
    this.#rule = rule;
    this.#m = toBigInt(seed);
  }

  take(options) {
    const n = BigInt(options);
    if (this.#rule === "paper") {
      if (this.#m < n - 1n) this.#m = toBigInt(this.#seed);
    } else if (this.#room < n * RESERVE) {
      this.#refills += 1;
      this.#m = toBigInt(sha3_512(concat(utf8("coinai/1/refill\n"), this.#seed, bigEndian(this.#refills, 4))));
      this.#room = WHOLE;
    }
    const before = this.#m;
    this.#m = before / n;
    this.#room /= n;
    return { taken: Number(before % n), before };
  }
}

/**
 * Derive a text. `rule` is "refill" or "paper"; choices are {name, options, taken, before} with before a BigInt.
 * Refused is thrown, with `choices` so far, when the derivation gets too long.
 */
export function derive(grammar, seed, { maxChoices = 512, rule = "refill" } = {}) {
  require(rule === "refill" || rule === "paper", () => `There is no rule of derivation “${rule}”.`);
  const number = new Number512(seed, rule);
  const choices = [];
  const pieces = [];
  const open = [{ symbol: grammar.start, isName: true, isSpaced: false }];
  let expansions = 0;
  while (open.length) {
    const { symbol, isName, isSpaced } = open.pop();
    if (isSpaced) pieces.push(" ");
    if (!isName) {
      pieces.push(symbol);
      continue;
    }
    expansions += 1;
    if (expansions > MAX_EXPANSIONS) throw tooLong(`more than ${MAX_EXPANSIONS} names were replaced`, choices);
    const alternative = choose(grammar, symbol, { number, choices, maxChoices, rule });
    for (let i = alternative.length - 1; i >= 0; i--) open.push(alternative[i]);
  }
  const text = pieces.join("").split(" ").filter(Boolean).join(" ");
  if (text.length > MAX_TEXT) throw tooLong("the text has more than 64 KiB", choices);
  return { text, choices };
}

function choose(grammar, name, { number, choices, maxChoices, rule }) {
  const alternatives = grammar.rules.get(name);
  const options = alternatives.length;
  if (options > 1 && choices.length >= maxChoices && rule === "paper") {
    throw tooLong(`more than ${maxChoices} choices`, choices);
  }
  if (choices.length >= maxChoices) {
    const heights = alternatives.map((alternative) => grammar.heightOf(alternative));
    return alternatives[heights.indexOf(Math.min(...heights))];
  }
  if (options === 1) return alternatives[0];
  const { taken, before } = number.take(options);
  choices.push({ name, options, taken, before });
  return alternatives[taken];
}

function tooLong(what, choices) {
  return Object.assign(new Refused(`The derivation is too long: ${what}.`), { choices });
}
