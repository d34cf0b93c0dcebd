// 24 words for 32 bytes (BIP 39, English list), and the seed that they give. protocol/mnemonic.py does the same.
import { pbkdf2Async } from "../../vendor/noble-hashes-2.4.0/pbkdf2.js";
import { sha256, sha512 } from "../../vendor/noble-hashes-2.4.0/sha2.js";
import { wordlist } from "../../vendor/scure-bip39-2.4.0/english.js";
import { utf8 } from "../verify/bytes.js";
import { Refused, require } from "../verify/refused.js";

/** How many words a wallet has. */
export const WORDS = 24;
const ENTROPY_BYTES = 32;
const BITS = 11; // of one word
const ROUNDS = 2048;
const COUNTS = [12, 15, 18, 21, 24];
const NUMBERS = new Map(wordlist.map((word, number) => [word, number]));

/** 24 new words, from the browser's source of randomness, as an array. */
export function generate() {
  const entropy = crypto.getRandomValues(new Uint8Array(ENTROPY_BYTES));
  const words = fromEntropy(entropy);
  entropy.fill(0);
  return words;
}

/** Entropy (16 to 32 bytes, a multiple of four) -> its words. */
export function fromEntropy(entropy) {
  require([16, 20, 24, 28, 32].includes(entropy.length), "Words stand for 16, 20, 24, 28 or 32 bytes.");
  const checked = toBits(entropy) + toBits(sha256(entropy)).slice(0, entropy.length / 4);
  return Array.from(
    { length: checked.length / BITS },
    (_, i) => wordlist[parseInt(checked.slice(BITS * i, BITS * (i + 1)), 2)],
  );
}

/** Words as somebody typed them, text or array -> array in lower case without blanks and empty ones. */
export function split(words) {
  const text = Array.isArray(words) ? words.join(" ") : words;
  return text
    .normalize("NFKD")
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
}

/**
 * Whether these are the words of a wallet: {ok, reason, badWordIndex, says}. `reason` is "word_count",
 * "unknown_word" (then `badWordIndex` counts from 0) or "checksum"; null and -1 when all is well.
 */
export function validate(words, { counts = [WORDS] } = {}) {
  const list = split(words);
  const unknown = list.findIndex((word) => !NUMBERS.has(word));
  if (unknown >= 0) return refusal("unknown_word", `Word ${unknown + 1} is not in the list of 2048 words.`, unknown);
  if (!counts.includes(list.length))
    return refusal("word_count", `These are ${list.length} words; it takes ${counts.join(", ")}.`);
  if (!unpack(list).isRight)
    return refusal("checksum", "All words exist, but they do not belong together: one is wrong, or their order is.");
  return { ok: true, reason: null, badWordIndex: -1, says: "" };
}

/** Words (12 to 24) -> the bytes that they stand for; refuses what `validate` refuses. */
export function toEntropy(words) {
  const list = split(words);
  const found = validate(list, { counts: COUNTS });
  if (!found.ok) throw new Refused(found.says);
  return unpack(list).entropy;
}

/** Words -> the seed of 64 bytes (PBKDF2, 2048 rounds). A wallet has no further passphrase; the tests of BIP 39 do. */
export async function toSeed(words, passphrase = "") {
  const list = split(words);
  toEntropy(list);
  const salt = utf8(`mnemonic${passphrase}`.normalize("NFKD"));
  return pbkdf2Async(sha512, utf8(list.join(" ")), salt, { c: ROUNDS, dkLen: 64 });
}

/** The words that begin with these letters, at most `most`, to help while typing. */
export function wordsFrom(letters, most = 8) {
  const start = letters.trim().toLowerCase();
  return start === "" ? [] : wordlist.filter((word) => word.startsWith(start)).slice(0, most);
}

function refusal(reason, says, badWordIndex = -1) {
  return { ok: false, reason, badWordIndex, says };
}

function toBits(bytes) {
  return Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("");
}

// Words of the list -> their bytes, and whether the check at the end is theirs.
function unpack(list) {
  const bits = list.map((word) => NUMBERS.get(word).toString(2).padStart(BITS, "0")).join("");
  const size = Math.floor((bits.length * 32) / 33 / 8);
  const entropy = Uint8Array.from({ length: size }, (_, i) => parseInt(bits.slice(8 * i, 8 * i + 8), 2));
  return { entropy, isRight: toBits(sha256(entropy)).startsWith(bits.slice(8 * size)) };
}
