// Transactions of every kind (protocol, section 2): their fields, size, signature and id. The body is the caller's.
import { concat, utf8 } from "../verify/bytes.js";
import { encode, write } from "../verify/canonical.js";
import { checkFields } from "../verify/fields.js";
import { digest } from "../verify/hashes.js";
import { require } from "../verify/refused.js";
import { publicKey, sign as signBytes } from "./signer.js";

const FIELDS = { network: "text", kind: "text", key: "hash", sequence: "integer", fee: "integer", body: "object" };
const EMPTY_SIGNATURE = "0".repeat(128);

/** All that is signed, from these and no other fields; throws Refused when one is missing or of the wrong kind. */
export function unsigned(fields) {
  checkFields("A transaction", fields, FIELDS);
  encode(fields); // refuses numbers and keys that have no canonical form
  return { ...fields };
}

/** Sign: {transaction, txid, raw}; `raw` is the canonical text to send. The key must be that of the secret. */
export async function sign(secret, fields) {
  require((await publicKey(secret)) === fields.key, "The transaction names another key than the one that signs.");
  return assemble(fields, await signBytes(secret, messageOf(fields)));
}

/** The bytes that the signature covers. */
export function messageOf(fields) {
  return concat(utf8("coinai/1/sign\n"), encode(unsigned(fields)));
}

/** The fields and a signature over `messageOf` them -> {transaction, txid, raw}. */
export function assemble(fields, signature) {
  const transaction = { ...unsigned(fields), signature };
  return { transaction, txid: digest("transaction", transaction), raw: write(transaction) };
}

/** Bytes of the signed transaction, before it is signed. */
export function sizeOf(fields) {
  return encode({ ...unsigned(fields), signature: EMPTY_SIGNATURE }).length;
}

/** The fee in base units at `rate` base units per 1000 bytes, rounded up; whatever fee the fields name is not used. */
export function feeAt(rate, fields) {
  let fee = 0;
  for (;;) {
    // A larger fee has more digits: a few rounds until it pays for them too.
    const next = Math.ceil((sizeOf({ ...fields, fee }) * rate) / 1000);
    if (next <= fee) return fee;
    fee = next;
  }
}
