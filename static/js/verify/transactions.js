// Transactions (protocol, section 2): their form, ids and signatures. What the ledger says is not looked at.
import { checkAddress } from "./address.js";
import { concat, fromBase64, fromHex, utf8 } from "./bytes.js";
import { decode, encode } from "./canonical.js";
import { checkFields } from "./fields.js";
import { parseGrammar } from "./grammar.js";
import { digest } from "./hashes.js";
import { CHUNK } from "./merkle.js";
import { parseManifest } from "./problem.js";
import { require } from "./refused.js";
import { isSigned, readKey } from "./signature.js";

const MAX_CONTENT = 65536;
const MAX_ENDPOINT = 256;
const SIGNED = {
  network: "text",
  kind: "text",
  key: "hash",
  sequence: "integer",
  fee: "integer",
  body: "object",
  signature: "signature",
};

const BODIES = {
  transfer: [{ outputs: "list" }, checkTransfer],
  propose: [{ subject: "text", content: "text" }, checkProposal],
  support: [{ proposal: "hash", amount: "integer" }, (body) => require(body.amount >= 1, "A support locks nothing.")],
  withdraw: [{ proposal: "hash" }, () => {}],
  keeper: [{ capacity: "integer", endpoint: "text", bond: "integer" }, checkKeeper],
  leave: [{}, () => {}],
  storage_proof: [{ height: "integer", number: "integer", data: "text", path: "list" }, checkProof],
};

/** The id of a transaction. */
export function txid(transaction) {
  return digest("transaction", transaction);
}

/** Refuse a reward of wrong form, for another network or height. */
export function checkReward(reward, network, height) {
  checkFields("The reward", reward, { network: "text", kind: "text", body: "object" });
  require(reward.kind === "reward", () => `The first transaction is a ${reward.kind}, not the reward.`);
  require(reward.network === network, () => `The reward is for the network ${reward.network}, not ${network}.`);
  checkFields("The reward's body", reward.body, { height: "integer", key: "hash" });
  require(reward.body.height === height, () =>
    `The reward is for height ${reward.body.height}, the block has ${height}.`);
  readKey(fromHex(reward.body.key));
}

/** Refuse a signed transaction of wrong form or with a wrong signature. */
export function checkSigned(transaction, network, parameters) {
  checkForm(transaction, network, parameters);
  const { signature, ...rest } = transaction;
  const isValid = isSigned(
    fromHex(transaction.key),
    concat(utf8("coinai/1/sign\n"), encode(rest)),
    fromHex(signature),
  );
  require(isValid, () => `The signature of the ${transaction.kind} ${txid(transaction)} is wrong.`);
}

function checkForm(transaction, network, parameters) {
  require(transaction?.kind !== "reward", "There is a reward that is not the first transaction.");
  checkFields("A transaction", transaction, SIGNED);
  require(transaction.network === network, () =>
    `A transaction is for the network ${transaction.network}, not ${network}.`);
  require(Object.hasOwn(BODIES, transaction.kind), () => `There is no kind of transaction “${transaction.kind}”.`);
  readKey(fromHex(transaction.key));
  const [fields, check] = BODIES[transaction.kind];
  checkFields(`The body of a ${transaction.kind}`, transaction.body, fields);
  check(transaction.body, parameters);
}

function checkTransfer(body, parameters) {
  const count = body.outputs.length;
  const most = parameters.max_outputs;
  require(count >= 1 && count <= most, () => `A transfer has ${count} outputs; 1 to ${most} are allowed.`);
  for (const output of body.outputs) {
    checkFields("An output", output, { to: "text", amount: "integer" });
    checkAddress(output.to);
    require(output.amount >= 1, "An output is of 0 base units.");
  }
}

function checkProposal(body, parameters) {
  require(["problem", "grammar"].includes(body.subject), () => `Nothing can be proposed for “${body.subject}”.`);
  const content = utf8(body.content);
  require(content.length <= MAX_CONTENT, "The content of a proposal has more than 64 KiB.");
  if (body.subject === "problem") parseManifest(decode(content), parameters);
  else parseGrammar(content);
}

function checkKeeper(body) {
  require(body.capacity >= 1, "A keeper offers no bytes.");
  require(body.bond >= 1, "A keeper bonds nothing.");
  const isEndpoint =
    body.endpoint.length >= 1 && body.endpoint.length <= MAX_ENDPOINT && /^[\0-\x7f]*$/.test(body.endpoint);
  require(isEndpoint, `A keeper's endpoint is not 1 to ${MAX_ENDPOINT} ASCII characters.`);
}

function checkProof(body) {
  const isHash = (node) => typeof node === "string" && /^[0-9a-f]{64}$/.test(node);
  require(body.path.every(isHash), "The path of a storage proof is no list of hashes.");
  const { length } = fromBase64(body.data);
  require(length <= CHUNK, () => `The chunk of a storage proof has ${length} bytes; ${CHUNK} are the most.`);
}
