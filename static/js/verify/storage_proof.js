// Proofs of storage (protocol, section 9): a chunk and its path against the id of an object (section 1).
import { group } from "../format.js";
import { areEqual, bigEndian, concat, fromBase64, fromHex, toBigInt, toHex, utf8 } from "./bytes.js";
import { checkFields } from "./fields.js";
import { sha3_512 } from "./hashes.js";
import { CHUNK, climb } from "./merkle.js";
import { require } from "./refused.js";
import { runSteps } from "./run_steps.js";
import { many } from "./session.js";

/** How many chunks an object of so many bytes has. */
export function chunksOf(bytes) {
  return Math.ceil(bytes / CHUNK);
}

/** The bytes in chunk number `chunk` of an object of so many bytes. */
export function lengthOf(bytes, chunk) {
  return Math.min(CHUNK, bytes - CHUNK * chunk);
}

/** Which chunk the first challenge of a new replica asks for; `place` are the 20 bytes in the keeper's address. */
export function firstChunk(object, place, randomness, bytes) {
  const seed = sha3_512(concat(utf8("coinai/1/first\n"), fromHex(object), place, randomness));
  return Number(toBigInt(seed) % BigInt(chunksOf(bytes)));
}

/** The audit number j of a block: which of `count` proven replicas, and the number that its chunk is taken from. */
export function auditPick(randomness, j, count) {
  const x = toBigInt(sha3_512(concat(utf8("coinai/1/audit\n"), randomness, bigEndian(j, 4))));
  return { replica: Number(x % BigInt(count)), rest: x / BigInt(count) };
}

/**
 * The way from a chunk (bytes) to the root of its object: {leaf, steps: [{sibling, isLeft, hash}…], root}, all bytes.
 * Refused when the chunk or the path (hex, from the chunk upwards) is not the object's.
 */
export function climbProof({ object, bytes, chunk, data, path }) {
  const count = chunksOf(bytes);
  require(Number.isSafeInteger(chunk) && chunk >= 0 && chunk < count, () =>
    `The object has ${many(count, "chunk")}; there is no number ${chunk}.`);
  const length = lengthOf(bytes, chunk);
  require(data.length === length, () => `Chunk ${chunk} has ${length} bytes, ${data.length} came.`);
  const { leaf, steps, isWhole } = climb(data, chunk, count, path.map(fromHex));
  require(isWhole, () => `The path has ${many(path.length, "hash")}, not as many as the tree has levels there.`);
  const root = steps.at(-1)?.hash ?? leaf;
  require(areEqual(root, fromHex(object)), () =>
    `Chunk and path lead to ${toHex(root)}, not to the object ${object}.`);
  return { leaf, steps, root };
}

function readForm(proof) {
  const fields = { object: "hash", bytes: "integer", chunk: "integer", data: "text", path: "list" };
  checkFields("The proof", proof, fields);
  require(Number.isSafeInteger(proof.bytes) && proof.bytes >= 1, "The object has no bytes.");
  const isHash = (node) => typeof node === "string" && /^[0-9a-f]{64}$/.test(node);
  require(proof.path.every(isHash), "The path of a storage proof is no list of hashes.");
  const says = `Chunk ${group(proof.chunk)} of ${many(chunksOf(proof.bytes), "chunk")}.`;
  return { says, rows: [["object", proof.object]] };
}

function checkChunk({ bytes, chunk, data }) {
  const found = fromBase64(data).length;
  require(chunk >= 0 && chunk < chunksOf(bytes), () => `The object has no chunk ${chunk}.`);
  const expected = lengthOf(bytes, chunk);
  require(found === expected, () => `Chunk ${chunk} has ${expected} bytes, ${found} came.`);
  return { says: `${group(found)} bytes, as they must be.`, rows: [["bytes", group(found), group(expected)]] };
}

function checkPath(proof) {
  const { leaf, steps, root } = climbProof({ ...proof, data: fromBase64(proof.data) });
  const rows = steps.map(({ isLeft, hash }, i) => [`level ${i + 1}, sibling ${isLeft ? "left" : "right"}`, toHex(hash)]);
  return {
    says: "Chunk and path lead to the id of the object.",
    rows: [["leaf", toHex(leaf)], ...rows, ["root", toHex(root), proof.object]],
  };
}

/** The steps of the check, as in draw.js. */
export const PROOF_STEPS = [
  { id: "form", title: "Proof", about: "Every field has its form.", run: readForm },
  { id: "chunk", title: "Chunk", about: "It has the length that it must have.", run: checkChunk },
  { id: "path", title: "Path", about: "Hashed upwards it ends in the object's id.", run: checkPath },
];

/** Check a proof {object, bytes, chunk, data (base64), path (hex)}, telling of every step; returns whether it holds. */
export function checkProof(proof, tell) {
  return runSteps(PROOF_STEPS, proof, tell);
}
