// The statement by which a wallet lets a worker key mine for its address and nothing else, and the one that takes it
// back. protocol/delegation.py reads them.
import { concat, fromHex, utf8 } from "../verify/bytes.js";
import { encode } from "../verify/canonical.js";
import { checkFields } from "../verify/fields.js";
import { require } from "../verify/refused.js";
import { readKey } from "../verify/signature.js";
import { publicKey, sign } from "./signer.js";

/** Characters of a label. */
export const MAX_LABEL = 64;
/** Seconds that a statement may hold. */
export const MAX_LIFE = 400 * 24 * 3600;
const NAMES = { network: "text", key: "hash", worker: "hash" };
const STATEMENT = { ...NAMES, label: "text", created: "integer", expires: "integer" };
const REVOCATION = { ...NAMES, revoked: "integer" };

/**
 * {network, worker (public key of the worker, hex), label, created, expires (Unix seconds)} ->
 * {statement, signature (hex)}, signed by the wallet's secret.
 */
export async function signWorkerKey(secret, { network, worker, label, created, expires }) {
  const statement = { network, key: await publicKey(secret), worker, label, created, expires };
  return { statement, signature: await sign(secret, workerKeyBytes(statement)) };
}

/** The bytes that the signature of such a statement covers; refuses a statement that nobody would take. */
export function workerKeyBytes(statement) {
  checkFields("The statement", statement, STATEMENT);
  const { key, worker, label, created, expires } = statement;
  readKey(fromHex(worker));
  const length = [...label].length;
  require(length >= 1 && length <= MAX_LABEL && !/[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u.test(label), () =>
    `The name of a worker has 1 to ${MAX_LABEL} printable characters.`);
  require(worker !== key, "A wallet's own key cannot be its worker key; make a new one for the worker.");
  require(created < expires && expires <= created + MAX_LIFE, "A worker key may hold for at most 400 days.");
  return signedBytes(statement);
}

/** {network, worker, revoked (Unix seconds)} -> {statement, signature}: the worker key no longer mines for the wallet. */
export async function signRevocation(secret, { network, worker, revoked }) {
  const statement = { network, key: await publicKey(secret), worker, revoked };
  return { statement, signature: await sign(secret, revocationBytes(statement)) };
}

/** The bytes that the signature of a revocation covers. */
export function revocationBytes(statement) {
  checkFields("The revocation", statement, REVOCATION);
  return signedBytes(statement);
}

function signedBytes(statement) {
  return concat(utf8("coinai/1/worker\n"), encode(statement));
}
