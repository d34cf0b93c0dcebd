// Runs the browser's checks of signed transactions, draws and proofs over cases that came from elsewhere.
import { addressOf, readAddress } from "/static/js/verify/address.js";
import { fromHex, toHex, utf8 } from "/static/js/verify/bytes.js";
import { decode, encode } from "/static/js/verify/canonical.js";
import { beaconOf, checkDraw, randomnessOf } from "/static/js/verify/draw.js";
import { Refused, require } from "/static/js/verify/refused.js";
import { auditPick, checkProof, chunksOf, firstChunk } from "/static/js/verify/storage_proof.js";
import { checkReward, checkSigned, txid } from "/static/js/verify/transactions.js";

// What a check said: the id of the step that failed and its sentence, or null.
function failureOf(check, subject) {
  let failure = null;
  const passed = check(subject, (id, { state, says }) => {
    if (state === "failed") failure = { id, says };
  });
  return passed === (failure === null) ? failure : "the steps and the answer differ";
}

/** The step at which each draw fails, or null. */
export function draws(cases) {
  return cases.map((one) => failureOf(checkDraw, one)?.id ?? null);
}

/** The step at which each proof fails, or null. */
export function proofs(cases) {
  return cases.map((one) => failureOf(checkProof, one)?.id ?? null);
}

/** All that the steps of a draw say, in their order. */
export function tellDraw(draw) {
  const told = [];
  checkDraw(draw, (id, { state, says, rows }) => told.push({ id, state, says, rows }));
  return told;
}

/** All that the steps of a proof say, in their order. */
export function tellProof(proof) {
  const told = [];
  checkProof(proof, (id, { state, says, rows }) => told.push({ id, state, says, rows }));
  return told;
}

/** [beacon, chunk of a first challenge, replica and chunk of an audit] for {hashes, height, object, …}. */
export function randomness({ hashes, height, object, place, bytes, j, count }) {
  const beacon = beaconOf(hashes);
  const random = randomnessOf(beacon, height);
  const { replica, rest } = auditPick(random, j, count);
  return [
    toHex(beacon),
    firstChunk(object, fromHex(place), random, bytes),
    replica,
    Number(rest % BigInt(chunksOf(bytes))),
  ];
}

/** [txid or what was refused] of raw signed transactions (canonical text). */
export function transactions({ cases, network, parameters }) {
  return cases.map((text) => {
    try {
      const transaction = decode(utf8(text));
      checkSigned(transaction, network, parameters);
      if (toHex(encode(transaction)) !== toHex(utf8(text))) return "has another canonical form";
      return txid(transaction);
    } catch (error) {
      return error instanceof Refused ? "refused" : `fails: ${error.stack}`;
    }
  });
}

// --- Plays: governance.json and storage.json ------------------------------------------------------------------

const SAMPLE = 6; // of the signatures of long plays

// What is refused without a ledger.
const FORM = new Set([
  "not_json",
  "not_canonical",
  "problem_exceeds_limits",
  "invalid_problem",
  "grammar_syntax",
  "grammar_too_large",
  "unknown_subject",
  "zero_amount",
  "invalid_endpoint",
]);

/** Every transaction of a play, and of what is refused in it what the ledger is not needed for. */
export function playTransactions(report, { genesis, blocks, refused }) {
  const { network, parameters } = genesis;
  blocks.forEach(({ transactions: [reward, ...signed] }, i) => {
    checkReward(reward, network, i + 1);
    const some = signed.filter((_, j) => signed.length < SAMPLE || (i + j) % SAMPLE === 0);
    for (const transaction of some) checkSigned(transaction, network, parameters);
    report.is(some.length >= Math.floor(signed.length / SAMPLE), true, `block ${i + 1}`);
  });
  for (const { why, name, transactions: list } of refused.filter((row) => FORM.has(row.name)))
    report.refused(() => list.slice(1).forEach((one) => checkSigned(one, network, parameters)), `${name}: ${why}`);
}

/** Every challenge that a play issues, from the beacon on, and every proof, by the changes of its blocks. */
export function playChallenges(report, { genesis, genesis_hash: first, blocks, entries }) {
  const sizes = new Map(Object.entries(entries).map(([key, { bytes }]) => [key, bytes]));
  for (const { changes } of blocks)
    for (const { key, after } of changes) if (key.startsWith("object/") && after) sizes.set(key, after.bytes);
  const hashes = [first];
  blocks.forEach(({ changes, hash, transactions: list }, i) => {
    const random = randomnessOf(beaconOf(hashes.slice(0, genesis.parameters.beacon_blocks)), i + 1);
    const open = new Map();
    for (const { key, before, after } of changes.filter((change) => change.key.startsWith("challenge/"))) {
      if (before) open.set(key, before);
      if (!after?.first) continue;
      const size = sizes.get(`object/${after.object}`);
      report.is(firstChunk(after.object, readAddress(after.address), random, size), after.chunk, key);
    }
    for (const { kind, key, body } of changes.length ? list.slice(1) : []) {
      if (kind !== "storage_proof") continue;
      const challenge = open.get(`challenge/${body.height}/${body.number}`);
      require(challenge !== undefined && challenge.address === addressOf(fromHex(key)), "no such challenge");
      const { object, chunk } = challenge;
      const proof = { object, chunk, bytes: sizes.get(`object/${object}`), data: body.data, path: body.path };
      report.is(failureOf(checkProof, proof), null, `proof ${body.height}/${body.number}`);
    }
    hashes.unshift(hash);
  });
}
