// Ed25519 signatures (RFC 8032): by the browser itself where it can, else by noble. Each one is checked by the rule
// of the chain before anybody gets it, so that a fault in either never leaves the wallet.
import { getPublicKey, hashes, sign as nobleSign } from "../../vendor/noble-ed25519-3.2.0/index.js";
import { fromHex, toHex } from "../verify/bytes.js";
import { sha512 } from "../verify/hashes.js";
import { require } from "../verify/refused.js";
import { isSigned } from "../verify/signature.js";

hashes.sha512 = sha512;

// The head of a PKCS #8 document (RFC 8410) in front of the 32 bytes of an Ed25519 secret.
const PKCS8 = fromHex("302e020100300506032b657004220420");
const ED25519 = { name: "Ed25519" };
const SECRET_BYTES = 32;

const webCrypto = {
  name: "webcrypto",
  async publicKey(secret) {
    const { x } = await crypto.subtle.exportKey("jwk", await importSecret(secret, true));
    const text = atob(x.replaceAll("-", "+").replaceAll("_", "/"));
    return Uint8Array.from(text, (sign) => sign.charCodeAt(0));
  },
  async sign(secret, bytes) {
    return new Uint8Array(await crypto.subtle.sign(ED25519, await importSecret(secret, false), bytes));
  },
};

const noble = {
  name: "noble",
  async publicKey(secret) {
    return getPublicKey(secret);
  },
  async sign(secret, bytes) {
    return nobleSign(bytes, secret);
  },
};

let found = null;

/** Which implementation signs here: "webcrypto", or "noble" where the browser has no Ed25519 or the page is not secure. */
export async function implementation() {
  return (await find()).name;
}

/** Let one of the two do it, "webcrypto" or "noble"; null finds out again. For tests. */
export function use(name) {
  found = name === null ? null : Promise.resolve({ webcrypto: webCrypto, noble }[name]);
}

/** Secret (32 bytes) -> public key, as 64 hexadecimal digits. */
export async function publicKey(secret) {
  checkSecret(secret);
  return toHex(await (await find()).publicKey(secret));
}

/** The signature of `bytes`, as 128 hexadecimal digits. */
export async function sign(secret, bytes) {
  checkSecret(secret);
  const signer = await find();
  const signature = await signer.sign(secret, bytes);
  const key = await signer.publicKey(secret);
  require(isSigned(key, bytes, signature), "This browser made a signature that is wrong; nothing was sent.");
  return toHex(signature);
}

/** Whether a signature (hexadecimal) on `bytes` is that of a key (hexadecimal), by the rule of the chain. */
export function verify(key, bytes, signature) {
  return isSigned(fromHex(key), bytes, fromHex(signature));
}

function checkSecret(secret) {
  require(secret instanceof Uint8Array && secret.length === SECRET_BYTES, "A secret key has 32 bytes.");
}

function find() {
  found ??= hasEd25519().then((has) => (has ? webCrypto : noble));
  return found;
}

async function hasEd25519() {
  try {
    // The first vector of RFC 8032: a browser that does not give its key is not asked again.
    const secret = fromHex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
    const key = await webCrypto.publicKey(secret);
    return toHex(key) === "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
  } catch {
    return false; // no crypto.subtle, or no Ed25519 in it
  }
}

async function importSecret(secret, isExtractable) {
  const document = new Uint8Array(PKCS8.length + SECRET_BYTES);
  document.set(PKCS8);
  document.set(secret, PKCS8.length);
  try {
    return await crypto.subtle.importKey("pkcs8", document, ED25519, isExtractable, ["sign"]);
  } finally {
    document.fill(0);
  }
}
