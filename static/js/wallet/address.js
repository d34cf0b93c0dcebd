// What is wrong with a typed address, and where (BIP 173): one or two wrong characters can be found from the check
// sum alone. They are shown and never put right: a guess could pay a stranger. protocol/address_check.py does the same.
import { require } from "../verify/refused.js";

const PREFIX = "cai";
const START = `${PREFIX}1`;
const SIGNS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATORS = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const BLANKS = /^[ \t\r\n]+|[ \t\r\n]+$/g;
const DATA = 38; // 32 signs of the address and 6 of the check sum
/** Characters of an address. */
export const LENGTH = START.length + DATA;

const SAYS = {
  empty: () => "Type or paste an address.",
  mixed_case: () => "An address is all in lower case; this one mixes both.",
  wrong_prefix: () => `An address begins with ${START}.`,
  bad_character: ({ length }) =>
    `${length === 1 ? "A character" : `${length} characters`} cannot occur in an address, which has no b, i, o or 1 behind ${START}.`,
  too_short: (_, length) => `${LENGTH - length} of the ${LENGTH} characters are missing.`,
  too_long: (_, length) => `An address has ${LENGTH} characters, not ${length}.`,
  upper_case: () => "Write the address in lower case.",
  checksum: ({ length }) => `${WRONG[length]} Compare it with the original, or copy it again.`,
};
const WRONG = [
  "Several characters are wrong.",
  "One character is wrong, most likely the marked one.",
  "Two characters are wrong, most likely the marked ones.",
];

/**
 * {ok, reason, positions, says}: `reason` is one of the names above, null when the address is right; `positions`
 * count characters of `text` from 0. Blanks at the ends are not looked at.
 */
export function check(text) {
  const typed = text.replace(BLANKS, "");
  const { reason, positions } = find(typed);
  const offset = typed === "" ? 0 : text.indexOf(typed);
  const says = reason === null ? "" : SAYS[reason](positions, typed.length);
  return { ok: reason === null, reason, positions: positions.map((position) => position + offset), says };
}

/** The address without blanks at its ends; throws Refused when it is none. */
export function parse(text) {
  const { ok, says } = check(text);
  require(ok, says);
  return text.replace(BLANKS, "");
}

function find(typed) {
  if (typed === "") return { reason: "empty", positions: [] };
  const small = typed.replace(/[A-Z]/g, (sign) => sign.toLowerCase());
  if (/[A-Z]/.test(typed) && /[a-z]/.test(typed))
    return { reason: "mixed_case", positions: where(typed, (sign) => /[A-Z]/.test(sign)) };
  const prefix = small.slice(0, START.length);
  if (prefix !== START.slice(0, prefix.length))
    return { reason: "wrong_prefix", positions: where(prefix, (sign, i) => sign !== START[i]) };
  const bad = where(small, (sign, i) => i >= START.length && !SIGNS.includes(sign));
  if (bad.length) return { reason: "bad_character", positions: bad };
  if (small.length !== LENGTH) return { reason: small.length < LENGTH ? "too_short" : "too_long", positions: [] };
  const residue = residueOf([...small.slice(START.length)].map((sign) => SIGNS.indexOf(sign)));
  if (residue !== 0) return { reason: "checksum", positions: locate(residue).map((i) => i + START.length) };
  return typed === small ? { reason: null, positions: [] } : { reason: "upper_case", positions: [] };
}

function where(text, isWrong) {
  return [...text].flatMap((sign, i) => (isWrong(sign, i) ? [i] : []));
}

function polymod(words, start) {
  let check = start;
  for (const word of words) {
    const top = check >>> 25;
    check = ((check & 0x1ffffff) << 5) ^ word;
    GENERATORS.forEach((generator, i) => (check ^= (top >> i) & 1 ? generator : 0));
  }
  return check;
}

function residueOf(words) {
  const codes = [...PREFIX].map((sign) => sign.charCodeAt(0));
  return polymod([...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31), ...words], 1) ^ 1;
}

// The check sum is linear: a wrong sign adds to the residue what depends on its place and its difference alone.
// Any two words of the code differ in at least five places, so at most one pair of places explains a residue.
let explained = null;

function locate(residue) {
  explained ??= explainOne();
  if (explained.has(residue)) return [explained.get(residue)];
  for (const [other, place] of explained) {
    const second = explained.get(residue ^ other);
    if (second !== undefined && second !== place) return [place, second].sort((a, b) => a - b);
  }
  return [];
}

function explainOne() {
  const places = new Map();
  for (let place = 0; place < DATA; place++) {
    for (let difference = 1; difference < 32; difference++) {
      const words = Array(DATA - place).fill(0);
      words[0] = difference;
      places.set(polymod(words, 0), place);
    }
  }
  return places;
}
