// The commitment to the ledger's state (protocol, section 7.3): MuHash3072.
import { bigEndian, concat, toBigInt, toHex, utf8 } from "./bytes.js";
import { encode } from "./canonical.js";
import { sha3_256, shake } from "./hashes.js";

const BYTES = 384;
const MODULUS = 2n ** 3072n - 1103717n;

/** Entries of a ledger, {key: value} -> {product, state}, both in hex. */
export function commitment(entries) {
  let product = 1n;
  for (const [key, value] of Object.entries(entries)) {
    const factor = shake(concat(utf8("coinai/1/state\n"), encode([key, value])), BYTES);
    product = (product * toBigInt(factor)) % MODULUS;
  }
  const bytes = bigEndian(product, BYTES);
  return { product: toHex(bytes), state: toHex(sha3_256(bytes)) };
}
