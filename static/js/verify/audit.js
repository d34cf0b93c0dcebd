// An audit of storage (protocol, sections 7.2 and 9): that it was drawn, and that it was answered.
//
// An audit is {height, number, object, bytes, keeper, chunk, first, lot: {beacon, hashes, draw, count, position,
// replicas}, proof: {data, path} or null} as the API gives it; `draws` is how many draws a block makes, `network` its
// name, `transaction` the one that answered. Which replicas were proven is taken as told; where they are not all listed,
// so is the place of the drawn one.
import { group } from "../format.js";
import { addressOf, readAddress } from "./address.js";
import { fromBase64, fromHex, toHex } from "./bytes.js";
import { beaconOf, randomnessOf } from "./draw.js";
import { require } from "./refused.js";
import { runSteps } from "./run_steps.js";
import { many } from "./session.js";
import { auditPick, chunksOf, climbProof, firstChunk, lengthOf } from "./storage_proof.js";
import { checkSigned, txid } from "./transactions.js";

const isHash = (text) => typeof text === "string" && /^[0-9a-f]{64}$/.test(text);

function checkBeacon({ height, lot }) {
  require(lot.hashes.every(isHash), "The hashes of the blocks are no hashes.");
  const found = toHex(beaconOf(lot.hashes));
  require(found === lot.beacon, () => `The blocks before make the beacon ${found}, the audit used ${lot.beacon}.`);
  return {
    says: `One bit of each of the ${many(lot.hashes.length, "block")} before block ${group(height)}.`,
    rows: [["beacon", found]],
  };
}

function checkLot(audit) {
  const { height, bytes, chunk, first, lot } = audit;
  const randomness = randomnessOf(fromHex(lot.beacon), height);
  if (first) {
    const found = firstChunk(audit.object, readAddress(audit.keeper), randomness, bytes);
    require(found === chunk, () => `A new replica is asked for chunk ${found}, this one was for ${chunk}.`);
    return { says: `The object, the keeper and the beacon give chunk ${group(chunk)} of ${group(chunksOf(bytes))}.`, rows: [] };
  }
  const { draw, count, position, replicas } = lot;
  require(Number.isSafeInteger(draw) && draw >= 0 && draw < audit.draws, () => `A block makes ${audit.draws} draws; there is no number ${draw}.`);
  require(Number.isSafeInteger(count) && count > 0, "There was no proven replica.");
  const { replica, rest } = auditPick(randomness, draw, count);
  require(replica === position, () => `Draw ${draw} falls on replica ${replica} of ${count}, the audit says ${position}.`);
  const found = Number(rest % BigInt(chunksOf(bytes)));
  require(found === chunk, () => `Draw ${draw} falls on chunk ${found}, the audit asked for ${chunk}.`);
  const rows = [["replica", `${position} of ${count}`], ["chunk", `${chunk} of ${chunksOf(bytes)}`]];
  if (replicas === null) return { says: `Draw ${draw} falls on this replica and this chunk; its place is taken as told.`, rows };
  checkOrder(audit, replicas);
  return { says: `Draw ${draw} falls on this replica of ${many(count, "proven one")}, and on this chunk.`, rows };
}

function checkOrder({ object, keeper, lot }, replicas) {
  const names = replicas.map(([id, address]) => `${id}/${address}`);
  require(names.length === lot.count, () => `${names.length} replicas are listed, ${lot.count} were proven.`);
  require(names.every((name, i) => i === 0 || names[i - 1] < name), "The replicas are not in ascending order.");
  require(names[lot.position] === `${object}/${keeper}`, () => `Number ${lot.position} of the replicas is another one.`);
}

function checkTransaction({ transaction, txid: told, height, number, keeper, proof, network }) {
  const found = txid(transaction);
  require(found === told, () => `The transaction has the id ${found}, not ${told}.`);
  require(transaction.kind === "storage_proof", () => `The transaction is a ${transaction.kind}.`);
  checkSigned(transaction, network, {});
  const { body } = transaction;
  require(body.height === height && body.number === number, () => `It answers ${body.height}/${body.number}, another audit.`);
  const sender = addressOf(fromHex(transaction.key));
  require(sender === keeper, () => `It is signed by ${sender}, not by the keeper.`);
  require(body.data === proof.data && body.path.join() === proof.path.join(), "What was signed is another proof than this page shows.");
  return { says: "The keeper signed this answer to this audit.", rows: [["transaction", found], ["signed by", sender]] };
}

function checkChunk({ bytes, chunk, proof }) {
  const [found, expected] = [fromBase64(proof.data).length, lengthOf(bytes, chunk)];
  require(found === expected, () => `Chunk ${chunk} has ${expected} bytes, ${found} came.`);
  return { says: `${group(found)} bytes, as they must be.`, rows: [] };
}

function checkPath({ object, bytes, chunk, proof }) {
  const { leaf, steps, root } = climbProof({ object, bytes, chunk, path: proof.path, data: fromBase64(proof.data) });
  const rows = steps.map(({ isLeft, hash }, i) => [`level ${i + 1}, sibling ${isLeft ? "left" : "right"}`, toHex(hash)]);
  return { says: "Hashed upwards, chunk and path end in the object's id.", rows: [["leaf", toHex(leaf)], ...rows, ["root", toHex(root)]] };
}

/** The steps that every audit allows: {id, title, about, run(audit) -> {says, rows}}. */
export const LOT_STEPS = [
  { id: "beacon", title: "Randomness", about: "The bits of the blocks before.", run: checkBeacon },
  { id: "lot", title: "Lot", about: "It fell on this replica and this chunk.", run: checkLot },
];

/** The steps for one that was answered. */
export const ANSWER_STEPS = [
  { id: "transaction", title: "Answer", about: "The keeper signed it.", run: checkTransaction },
  { id: "chunk", title: "Chunk", about: "It has the length that it must have.", run: checkChunk },
  { id: "path", title: "Path", about: "Hashed upwards it ends in the object's id.", run: checkPath },
];

/** Check an audit, telling of every step; returns whether all holds. */
export function checkAudit(audit, tell) {
  return runSteps(audit.proof ? [...LOT_STEPS, ...ANSWER_STEPS] : LOT_STEPS, audit, tell);
}
