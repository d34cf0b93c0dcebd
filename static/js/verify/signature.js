// Ed25519 without cofactor (protocol, section 1): [S]B - [k]A must encode to R. The points are noble's.
import { Point } from "../../vendor/noble-ed25519-3.2.0/index.js";
import { areEqual, concat, toBigInt } from "./bytes.js";
import { sha512 } from "./hashes.js";
import { Refused, require } from "./refused.js";

const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

/** The point of a public key; refuses keys of small order, second spellings and what is no point. */
export function readKey(key) {
  require(key.length === 32, "A public key has not 32 bytes.");
  let point;
  try {
    point = Point.fromBytes(key, false);
  } catch {
    throw new Refused("A public key is no point of the curve, or not in its canonical form.");
  }
  require(!point.isSmallOrder(), "A public key has small order.");
  return point;
}

/** Whether `signature` (64 bytes) is `key`'s on `message`; false as well for a key that is refused. */
export function isSigned(key, message, signature) {
  if (signature.length !== 64) return false;
  let point;
  try {
    point = readKey(key);
  } catch (error) {
    if (error instanceof Refused) return false;
    throw error;
  }
  const r = signature.subarray(0, 32);
  const s = toBigInt(signature.slice(32).reverse());
  if (s >= ORDER) return false;
  const k = toBigInt(sha512(concat(r, key, message)).reverse()) % ORDER;
  const left = Point.BASE.multiply(s, false).add(point.multiply(k, false).negate());
  return areEqual(left.toBytes(), r);
}
