// Canonical JSON (protocol, section 1): RFC 8785 with ASCII keys, arrays, strings, truth values and integers from 0
// to 2^53 - 1. The reader accepts canonical bytes only, so whatever it accepts has one spelling.
import { textOf, utf8 } from "./bytes.js";
import { Refused, require } from "./refused.js";

const MAX_DEPTH = 32;
const SHORT = { "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\" };
const LONG = { b: "\b", t: "\t", n: "\n", f: "\f", r: "\r", '"': '"', "\\": "\\" };
const ASCII = /^[\0-\x7f]*$/;

/** A value -> its canonical bytes. */
export function encode(value) {
  return utf8(write(value));
}

/** A value -> its canonical text. */
export function write(value) {
  if (value === true || value === false) return String(value);
  if (typeof value === "number") {
    require(Number.isSafeInteger(value) &&
      value >= 0 &&
      !Object.is(value, -0), "A number is no integer from 0 to 2^53 − 1.");
    return String(value);
  }
  if (typeof value === "string") return writeText(value);
  if (Array.isArray(value)) return `[${value.map(write).join(",")}]`;
  require(typeof value === "object" && value !== null, "A value has no canonical form.");
  const names = Object.keys(value).sort();
  require(names.every((name) => ASCII.test(name)), "A key is not ASCII.");
  return `{${names.map((name) => `${writeText(name)}:${write(value[name])}`).join(",")}}`;
}

function writeText(text) {
  require(text.isWellFormed?.() ?? !/\p{Surrogate}/u.test(text), "A text holds half a character.");
  const escape = (sign) => SHORT[sign] ?? `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return `"${text.replace(/[\0-\x1f"\\]/g, escape)}"`;
}

/** Canonical bytes -> the value, its objects without prototype; refuses all other bytes. */
export function decode(bytes) {
  const reader = new Reader(textOf(bytes));
  const value = reader.readValue(0);
  reader.expectEnd();
  return value;
}

class Reader {
  #text;
  #at = 0;

  constructor(text) {
    this.#text = text;
  }

  #refuse(what) {
    throw new Refused(`Not canonical JSON at character ${this.#at}: ${what}.`);
  }

  #take(expected) {
    if (!this.#text.startsWith(expected, this.#at)) return false;
    this.#at += expected.length;
    return true;
  }

  expectEnd() {
    if (this.#at !== this.#text.length) this.#refuse("something follows the value");
  }

  readValue(depth) {
    const isNested = /^[[{]/.test(this.#text.charAt(this.#at));
    if (isNested && depth >= MAX_DEPTH) this.#refuse(`nested deeper than ${MAX_DEPTH}`);
    if (this.#take("{")) return this.#readObject(depth);
    if (this.#take("[")) return this.#readArray(depth);
    if (this.#take('"')) return this.#readText();
    if (this.#take("true")) return true;
    if (this.#take("false")) return false;
    return this.#readNumber();
  }

  #readNumber() {
    const found = /^(?:0|[1-9][0-9]{0,15})/.exec(this.#text.slice(this.#at, this.#at + 16));
    if (!found) this.#refuse("no value that the protocol allows");
    const number = Number(found[0]);
    if (!Number.isSafeInteger(number)) this.#refuse("a number above 2^53 − 1");
    this.#at += found[0].length;
    if (/^[0-9.eE]/.test(this.#text.slice(this.#at, this.#at + 1)))
      this.#refuse("a number that is no plain integer up to 2^53 − 1");
    return number;
  }

  #readText() {
    let text = "";
    for (;;) {
      const plain = /[^\0-\x1f"\\]*/y;
      plain.lastIndex = this.#at;
      text += plain.exec(this.#text)[0];
      this.#at = plain.lastIndex;
      if (this.#take('"')) return text;
      if (!this.#take("\\")) this.#refuse("a text that does not end, or a control sign in it");
      text += this.#readEscape();
    }
  }

  #readEscape() {
    const sign = this.#text[this.#at++];
    if (sign !== undefined && Object.hasOwn(LONG, sign)) return LONG[sign];
    const digits = this.#text.slice(this.#at, this.#at + 4);
    const character =
      sign === "u" && /^00[01][0-9a-f]$/.test(digits) ? String.fromCharCode(parseInt(digits, 16)) : "";
    if (!character || character in SHORT) this.#refuse("an escape that is not needed or has another form");
    this.#at += 4;
    return character;
  }

  #readArray(depth) {
    const items = [];
    if (this.#take("]")) return items;
    do items.push(this.readValue(depth + 1));
    while (this.#take(","));
    if (!this.#take("]")) this.#refuse("no end of the list");
    return items;
  }

  #readObject(depth) {
    const object = Object.create(null);
    if (this.#take("}")) return object;
    let last = null;
    do {
      if (!this.#take('"')) this.#refuse("no key");
      const name = this.#readText();
      if (!ASCII.test(name)) this.#refuse("a key that is not ASCII");
      if (name === last) this.#refuse(`the key ${JSON.stringify(name)} twice`);
      if (last !== null && name < last) this.#refuse(`the key ${JSON.stringify(name)} after ${JSON.stringify(last)}`);
      if (!this.#take(":")) this.#refuse("no colon after a key");
      object[name] = this.readValue(depth + 1);
      last = name;
    } while (this.#take(","));
    if (!this.#take("}")) this.#refuse("no end of the object");
    return object;
  }
}
