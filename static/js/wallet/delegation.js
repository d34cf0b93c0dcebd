// The statement by which a wallet lets a worker key mine for its address, and for nothing else.
// protocol/delegation.py reads it.
import { concat, utf8 } from "../verify/bytes.js";
import { encode } from "../verify/canonical.js";
import { checkFields } from "../verify/fields.js";
import { require } from "../verify/refused.js";
import { publicKey, sign } from "./signer.js";

const STATEMENT = {
  network: "text",
  key: "hash",
  worker: "hash",
  label: "text",
  created: "integer",
  expires: "integer",
};

/**
 * {network, worker (public key of the worker, hex), label, created, expires (Unix seconds)} ->
 * {statement, signature (hex)}, signed by the wallet's secret.
 */
export async function signWorkerKey(secret, { network, worker, label, created, expires }) {
  const statement = { network, key: await publicKey(secret), worker, label, created, expires };
  return { statement, signature: await sign(secret, workerKeyBytes(statement)) };
}

/** The bytes that the signature of such a statement covers. */
export function workerKeyBytes(statement) {
  checkFields("The statement", statement, STATEMENT);
  require(statement.worker !== statement.key, "A wallet key cannot be a worker key of its own.");
  require(statement.expires > statement.created, "The statement would expire before it begins.");
  return concat(utf8("coinai/1/worker\n"), encode(statement));
}
