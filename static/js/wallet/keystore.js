// Secrets under a passphrase: scrypt, then AES-256-GCM. The same file as on the command line (protocol/keystore.py,
// docs/wallet.md).
import { gcm } from "../../vendor/noble-ciphers-2.4.0/aes.js";
import { scryptAsync } from "../../vendor/noble-hashes-2.4.0/scrypt.js";
import { fromHex, toHex, utf8 } from "../verify/bytes.js";
import { decode, encode } from "../verify/canonical.js";
import { checkFields } from "../verify/fields.js";
import { Refused, require } from "../verify/refused.js";

/** The least number of characters of a passphrase. */
export const MIN_PASSPHRASE = 8;
const FORMAT = "coinai-keystore";
const VERSION = 1;
const COST = 2 ** 17; // 128 MiB and about a second
const [LEAST_COST, MOST_COST] = [2 ** 14, 2 ** 20];
const FIELDS = {
  format: "text",
  version: "integer",
  kdf: "object",
  cipher: "object",
  ciphertext: "text",
  accounts: "list",
};
const KDF = { name: "text", n: "integer", r: "integer", p: "integer", salt: "text" };
const CIPHER = { name: "text", nonce: "text" };
const TAG_BYTES = 16;
const HASH = /^[0-9a-f]{64}$/;

/** The passphrase does not open the keystore, or its bytes were changed: nobody can tell which. */
export class WrongPassphrase extends Refused {
  name = "WrongPassphrase";
}

/**
 * {entropy} (64 hexadecimal digits) or {secrets: [64 hexadecimal digits…]}, or both -> a keystore. `accounts` are
 * [{index, address, label}…], not secret. `onProgress` hears shares from 0 to 1. `n` is the cost, for tests.
 */
export async function seal(plaintext, passphrase, onProgress = () => {}, { accounts = [], n = COST } = {}) {
  checkPlaintext(plaintext);
  require([...passphrase].length >= MIN_PASSPHRASE, `A passphrase has at least ${MIN_PASSPHRASE} characters.`);
  const kdf = { name: "scrypt", n, r: 8, p: 1, salt: toHex(random(32)) };
  const cipher = { name: "aes-256-gcm", nonce: toHex(random(12)) };
  const key = await deriveKey(kdf, passphrase, onProgress);
  const content = encode(plaintext);
  const sealed = await encrypt(key, fromHex(cipher.nonce), content);
  key.fill(0);
  content.fill(0);
  return { format: FORMAT, version: VERSION, kdf, cipher, ciphertext: toHex(sealed), accounts };
}

/** A keystore -> what was sealed. Throws WrongPassphrase, or Refused for what is no keystore of this version. */
export async function open(keystore, passphrase, onProgress = () => {}) {
  checkForm(keystore);
  const key = await deriveKey(keystore.kdf, passphrase, onProgress);
  const content = await decrypt(key, fromHex(keystore.cipher.nonce), fromHex(keystore.ciphertext));
  key.fill(0);
  if (content === null) throw new WrongPassphrase("The passphrase does not open this wallet.");
  const plaintext = decode(content);
  content.fill(0);
  checkPlaintext(plaintext);
  return plaintext;
}

/** Refuse what is no keystore of this version; the passphrase is not needed. */
export function checkForm(keystore) {
  checkFields("A keystore", keystore, FIELDS);
  require(keystore.format === FORMAT, "This file is no Coin.AI keystore.");
  require(keystore.version === VERSION, `This keystore has version ${keystore.version}; this page reads ${VERSION}.`);
  const { kdf, cipher, ciphertext } = keystore;
  checkFields("The key derivation", kdf, KDF);
  checkFields("The cipher", cipher, CIPHER);
  require(kdf.name === "scrypt" && kdf.r === 8 && kdf.p === 1, "The key derivation is not scrypt with r = 8, p = 1.");
  require(Number.isInteger(Math.log2(kdf.n)) && kdf.n >= LEAST_COST && kdf.n <= MOST_COST, () =>
    `The cost of scrypt is ${kdf.n}, which is no power of two from 2^14 to 2^20.`);
  require(isHex(kdf.salt, 32, 32), "The salt is not 32 bytes in hexadecimal digits.");
  require(cipher.name === "aes-256-gcm", "The cipher is not AES-256-GCM.");
  require(isHex(cipher.nonce, 12, 12), "The nonce is not 12 bytes in hexadecimal digits.");
  require(isHex(ciphertext, TAG_BYTES, 2 ** 20), "The content is not in hexadecimal digits.");
  keystore.accounts.forEach(checkAccount);
}

function checkAccount(account) {
  const { source, ...rest } = account ?? {};
  require(source === undefined || ["words", "key", "watch"].includes(source), "An account has an unknown source.");
  checkFields("An account", rest, { index: "integer", address: "text", label: "text" });
  require(Number.isSafeInteger(rest.index) && rest.index >= 0, "The index of an account is no whole number.");
}

function checkPlaintext(plaintext) {
  const { entropy, secrets, ...rest } = plaintext;
  require(Object.keys(rest).length === 0, "A keystore holds entropy and secrets, and nothing else.");
  require(entropy !== undefined || secrets !== undefined, "A keystore holds entropy, secrets, or both.");
  require(entropy === undefined || isSecret(entropy), "The entropy is not 32 bytes in hexadecimal digits.");
  const isList = Array.isArray(secrets) && secrets.length > 0 && secrets.every(isSecret);
  require(secrets === undefined || isList, "The secrets are no list of 32 bytes each in hexadecimal digits.");
}

function isSecret(value) {
  return typeof value === "string" && HASH.test(value);
}

function isHex(text, least, most) {
  return /^(?:[0-9a-f]{2})*$/.test(text) && text.length >= 2 * least && text.length <= 2 * most;
}

function random(length) {
  return crypto.getRandomValues(new Uint8Array(length));
}

async function deriveKey({ n, r, p, salt }, passphrase, onProgress) {
  const bytes = utf8(passphrase.normalize("NFKC"));
  return scryptAsync(bytes, fromHex(salt), { N: n, r, p, dkLen: 32, onProgress });
}

// The browser's own AES-GCM where there is one: pages that are not secure (http, another host) have none.

async function encrypt(key, nonce, content) {
  if (!globalThis.crypto?.subtle) return gcm(key, nonce).encrypt(content);
  const imported = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt"]);
  return new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, imported, content));
}

async function decrypt(key, nonce, sealed) {
  try {
    if (!globalThis.crypto?.subtle) return gcm(key, nonce).decrypt(sealed);
    const imported = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
    return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: nonce }, imported, sealed));
  } catch {
    return null; // the tag does not fit
  }
}
