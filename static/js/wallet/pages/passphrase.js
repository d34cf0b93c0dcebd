// How hard a passphrase is to guess, as an honest lower estimate, and random ones.
import { wordlist } from "../../../vendor/scure-bip39-2.4.0/english.js";

const COMMON = ["password", "passwort", "passphrase", "qwerty", "azerty", "letmein", "welcome", "dragon", "monkey", "iloveyou", "bitcoin", "coinai", "coin", "wallet", "secret", "admin", "abc123", "football", "sunshine", "princess"];
const RUNS = ["abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"];
const WORDS = new Set(wordlist);
const SUGGESTED = 6;

// What each level means, from below.
const LEVELS = [
  [28, 0, "Guessed at once."],
  [40, 1, "Weak: guessed within days by somebody who has the file."],
  [52, 2, "Fair: years, as long as nobody tries hard."],
  [64, 3, "Good."],
  [Infinity, 4, "Strong."],
];

/** Bits that somebody who knows how people choose would have to guess. */
export function estimateBits(text) {
  let rest = text.toLowerCase();
  let bits = 0;
  for (const common of COMMON) {
    if (!rest.includes(common)) continue;
    rest = rest.replaceAll(common, "");
    bits += 5;
  }
  rest = rest.replace(/(.)\1+/g, "$1");
  for (const run of RUNS) {
    for (const line of [run, [...run].reverse().join("")]) {
      for (let length = line.length; length >= 3; length -= 1) {
        for (let from = 0; from + length <= line.length; from += 1) {
          if (!rest.includes(line.slice(from, from + length))) continue;
          rest = rest.replace(line.slice(from, from + length), "");
          bits += 4;
        }
      }
    }
  }
  for (const part of rest.split(/[\s\-_.,;]+/)) bits += WORDS.has(part) || /^[a-z]{4,}$/.test(part) ? wordBits(part) : signBits(part);
  if (/[A-Z]/.test(text) && /[a-z]/.test(text)) bits += 2;
  return bits;
}

// A known word is one of 2048; another row of letters is about two bits a letter, as text is.
function wordBits(word) {
  return WORDS.has(word) ? 11 : Math.min(18, 2.2 * word.length);
}

function signBits(part) {
  const isPlain = /^[a-z0-9]*$/.test(part);
  return part.length * (/^\d*$/.test(part) ? 3 : isPlain ? 3.5 : 4.5);
}

/** {score 0 to 4, words} for a passphrase that somebody types. */
export function describeStrength(text) {
  if (!text) return { score: 0, words: "Five or more random words are good. At least 8 characters." };
  const bits = estimateBits(text);
  const [, score, words] = LEVELS.find(([limit]) => bits < limit);
  return { score, words: score < 2 ? `${words} Add random words.` : words };
}

/** Six random words: 66 bits. */
export function suggest() {
  const numbers = crypto.getRandomValues(new Uint16Array(SUGGESTED)); // 65536 is a multiple of 2048: no word is likelier
  return Array.from(numbers, (number) => wordlist[number % wordlist.length]).join(" ");
}
