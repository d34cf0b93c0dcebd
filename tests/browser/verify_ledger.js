// Runs the browser's checks of signed transactions, draws and proofs over cases that came from elsewhere.
import { fromHex, toHex, utf8 } from "/static/js/verify/bytes.js";
import { decode, encode } from "/static/js/verify/canonical.js";
import { beaconOf, checkDraw, randomnessOf } from "/static/js/verify/draw.js";
import { Refused } from "/static/js/verify/refused.js";
import { auditPick, checkProof, chunksOf, firstChunk } from "/static/js/verify/storage_proof.js";
import { checkSigned, txid } from "/static/js/verify/transactions.js";

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
