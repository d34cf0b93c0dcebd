// Addresses: bech32 (BIP 173) with the prefix "cai" over 20 bytes (protocol, section 1).
import { concat, utf8 } from "./bytes.js";
import { sha3_256 } from "./hashes.js";
import { require } from "./refused.js";

const PREFIX = "cai";
const SIGNS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATORS = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
const HASH_BYTES = 20;
const WORDS = 32; // 160 bits in words of five
const CHECK_WORDS = 6;

function polymod(words) {
  let check = 1;
  for (const word of words) {
    const top = check >>> 25;
    check = ((check & 0x1ffffff) << 5) ^ word;
    GENERATORS.forEach((generator, i) => (check ^= (top >> i) & 1 ? generator : 0));
  }
  return check;
}

function expandPrefix() {
  const codes = [...PREFIX].map((sign) => sign.charCodeAt(0));
  return [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)];
}

/** The address of a public key (32 bytes). */
export function addressOf(key) {
  const hash = sha3_256(concat(utf8("coinai/1/address\n"), key)).subarray(0, HASH_BYTES);
  const bits = Array.from(hash, (byte) => byte.toString(2).padStart(8, "0")).join("");
  const words = Array.from({ length: WORDS }, (_, i) => parseInt(bits.slice(5 * i, 5 * i + 5), 2));
  const check = polymod([...expandPrefix(), ...words, 0, 0, 0, 0, 0, 0]) ^ 1;
  const tail = Array.from({ length: CHECK_WORDS }, (_, i) => (check >> (5 * (CHECK_WORDS - 1 - i))) & 31);
  return `${PREFIX}1${[...words, ...tail].map((word) => SIGNS[word]).join("")}`;
}

/** Refuse what is no address: another prefix, length or alphabet, upper case, a wrong check sum. */
export function checkAddress(text) {
  require(text.startsWith(`${PREFIX}1`), () => `“${text}” is no address: it does not begin with ${PREFIX}1.`);
  const words = [...text.slice(PREFIX.length + 1)].map((sign) => SIGNS.indexOf(sign));
  require(words.length === WORDS + CHECK_WORDS && !words.includes(-1), () =>
    `“${text}” is no address: wrong length or signs.`);
  require(polymod([...expandPrefix(), ...words]) === 1, () => `“${text}” is no address: its check sum is wrong.`);
}

/** The 20 bytes in an address; refuses what is none. */
export function readAddress(text) {
  checkAddress(text);
  const words = [...text.slice(PREFIX.length + 1, -CHECK_WORDS)].map((sign) => SIGNS.indexOf(sign));
  const bits = words.map((word) => word.toString(2).padStart(5, "0")).join("");
  return Uint8Array.from({ length: HASH_BYTES }, (_, i) => parseInt(bits.slice(8 * i, 8 * i + 8), 2));
}
