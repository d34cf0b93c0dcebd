// Draws of problems and grammars (protocol, sections 7.2 and 8): from the stakes that count and the beacon to the
// proposal that was picked. What the ledger says of the stakes themselves is taken as it is told.
//
// A draw is {height, subject, beacon, total, selection, quorum_ppm, circulating, proposals: [{txid, stake}…] in
// ascending order of txid, x, winner}; with `hashes`, those of the blocks before (the newest first) and as many as
// `beacon_blocks`, the beacon is computed as well. x is not looked at where the largest stake wins and it is null. With
// `outcome` (as the API names them) a draw that changed nothing for want of a quorum must have had none. Other fields
// are not looked at.
import { group } from "../format.js";
import { bigEndian, concat, fromHex, toBigInt, toHex, utf8 } from "./bytes.js";
import { checkFields } from "./fields.js";
import { sha3_512 } from "./hashes.js";
import { require } from "./refused.js";
import { runSteps } from "./run_steps.js";
import { coins, many } from "./session.js";

const BEACON_BYTES = 32;
const PPM = 1000000n;
const SUBJECTS = ["problem", "grammar"];
const SELECTIONS = ["proportional", "plurality", "auction"];
const FIELDS = {
  height: "integer",
  subject: "text",
  beacon: "hash",
  total: "integer",
  selection: "text",
  quorum_ppm: "integer",
  circulating: "integer",
  proposals: "list",
  winner: "hash",
};

/** The beacon of a block, 32 bytes, from the hashes (hex) of the blocks before it, the newest first. */
export function beaconOf(hashes) {
  require(hashes.length <= 8 * BEACON_BYTES, "A beacon has at most 256 bits.");
  const beacon = new Uint8Array(BEACON_BYTES);
  hashes.forEach((hash, k) => (beacon[k >> 3] |= (fromHex(hash).at(-1) & 1) << (k & 7)));
  return beacon;
}

/** The randomness of a block: its beacon (bytes) and its height. */
export function randomnessOf(beacon, height) {
  return concat(beacon, bigEndian(height, 8));
}

/** Where a draw falls, a BigInt below `total`. */
export function drawNumber(subject, beacon, height, total) {
  const seed = sha3_512(concat(utf8(`coinai/1/draw/${subject}\n`), randomnessOf(beacon, height)));
  return toBigInt(seed) % BigInt(total);
}

/** The interval of each proposal: {txid, stake, start, end}, end not included. */
export function intervalsOf(proposals) {
  let end = 0;
  return proposals.map(({ txid, stake }) => ({ txid, stake, start: end, end: (end += stake) }));
}

/** The txid that wins: the interval that x falls into, or the largest stake (of two, the lower txid). */
export function winnerOf(proposals, selection, x) {
  if (selection === "proportional") {
    const hit = intervalsOf(proposals).find(({ start, end }) => BigInt(start) <= x && x < BigInt(end));
    require(hit !== undefined, "The number falls into no interval.");
    return hit.txid;
  }
  const most = Math.max(...proposals.map(({ stake }) => stake));
  return proposals.find(({ stake }) => stake === most).txid;
}

function readForm(draw) {
  const { hashes, x } = draw;
  const known = Object.keys(FIELDS).filter((name) => Object.hasOwn(draw, name));
  checkFields("The draw", Object.fromEntries(known.map((name) => [name, draw[name]])), FIELDS);
  for (const name of ["height", "total", "quorum_ppm", "circulating"])
    require(Number.isSafeInteger(draw[name]) && draw[name] >= 0, () => `The draw's ${name} is no whole number.`);
  require(SUBJECTS.includes(draw.subject), () => `Nothing is drawn for “${draw.subject}”.`);
  require(SELECTIONS.includes(draw.selection), () => `There is no way to select called “${draw.selection}”.`);
  require(hashes === undefined || Array.isArray(hashes), "The hashes are no list.");
  const isNumber = Number.isSafeInteger(x) && x >= 0;
  require(isNumber || (x === null && draw.selection !== "proportional"), "The draw's x is no whole number.");
  for (const proposal of draw.proposals) {
    checkFields("A proposal", proposal, { txid: "hash", stake: "integer" });
    require(Number.isSafeInteger(proposal.stake) && proposal.stake >= 0, "A stake is no whole number.");
  }
  const { subject, height, proposals } = draw;
  return {
    says: `The draw of a ${subject} in block ${group(height)}, among ${many(proposals.length, "proposal")}.`,
    rows: [["selection", draw.selection]],
  };
}

function checkBeacon({ beacon, hashes }) {
  if (hashes === undefined)
    return { says: "Taken as told: the hashes of the blocks before did not come along.", rows: [["beacon", beacon]] };
  const found = toHex(beaconOf(hashes));
  require(found === beacon, () => `The blocks before make the beacon ${found}, the draw used ${beacon}.`);
  return {
    says: `One bit of each of the ${many(hashes.length, "block")} before.`,
    rows: [["beacon", found, beacon]],
  };
}

function checkTotal({ proposals, total }) {
  proposals.forEach(({ txid }, i) => {
    require(i === 0 || proposals[i - 1].txid < txid, "The proposals are not in ascending order.");
  });
  const sum = proposals.reduce((all, { stake }) => all + stake, 0);
  require(sum === total, () => `The stakes come to ${group(sum)} base units, the draw says ${group(total)}.`);
  require(total > 0, "There is no stake that counts.");
  return {
    says: `${coins(total)} are staked on ${many(proposals.length, "proposal")}.`,
    rows: [["total stake", group(sum), group(total)]],
  };
}

// Where one of these decided, the quorum was not asked.
const NOT_DUE = ["pending", "too_early"];

function checkQuorum({ total, circulating, quorum_ppm: quorum, outcome }) {
  const needed = (BigInt(quorum) * BigInt(circulating) + PPM - 1n) / PPM;
  const isReached = BigInt(total) >= needed;
  const rows = [["stake", group(total), `at least ${group(Number(needed))}`]];
  if (NOT_DUE.includes(outcome)) return { says: "Not asked: nothing was to be drawn at this height.", rows };
  if (outcome === "no_quorum") {
    require(!isReached, () => `The draw says that the stakes are too small; ${group(Number(needed))} were needed.`);
    return { says: "Too few of all coins took part, so nothing was drawn.", rows };
  }
  require(isReached, () => `${group(total)} base units are staked; ${group(Number(needed))} are needed.`);
  return { says: "Enough of all coins take part.", rows };
}

function checkNumber({ subject, beacon, height, total, x, selection }) {
  if (selection !== "proportional" && x === null)
    return { says: "Not needed: the largest stake wins.", rows: [["selection", selection]] };
  const found = drawNumber(subject, fromHex(beacon), height, total);
  require(found === BigInt(x), () => `The beacon gives ${found}, the draw says ${x}.`);
  return {
    says: `The beacon and the height give ${group(x)} of ${group(total)}.`,
    rows: [["x", String(found), String(x)]],
  };
}

function checkWinner({ proposals, selection, x, winner }) {
  const found = winnerOf(proposals, selection, x === null ? 0n : BigInt(x));
  require(found === winner, () => `The winner is ${found}, the draw says ${winner}.`);
  const rows = intervalsOf(proposals).map(({ txid, start, end, stake }) => [
    `${txid === found ? "winner " : ""}${txid.slice(0, 12)}…`,
    `${group(start)} to below ${group(end)}`,
    coins(stake),
  ]);
  const says =
    selection === "proportional"
      ? `The number falls into the interval of ${found.slice(0, 12)}….`
      : `${found.slice(0, 12)}… has the largest stake.`;
  return { says, rows: [["winner", found, winner], ...rows] };
}

/** The steps of the check, in order; each needs those before it: {id, title, about, run(draw) -> {says, rows}}. */
export const DRAW_STEPS = [
  { id: "form", title: "Draw", about: "Every field has its form.", run: readForm },
  { id: "beacon", title: "Beacon", about: "The bits of the blocks before.", run: checkBeacon },
  { id: "total", title: "Stakes", about: "They are in order and come to the total.", run: checkTotal },
  { id: "quorum", title: "Quorum", about: "Enough of all coins are staked.", run: checkQuorum },
  { id: "number", title: "Number", about: "It follows from the beacon alone.", run: checkNumber },
  { id: "winner", title: "Winner", about: "It is the proposal that the number falls to.", run: checkWinner },
];

/** Check a draw from the API, telling of every step; returns whether it came out as told. */
export function checkDraw(draw, tell) {
  return runSteps(DRAW_STEPS, draw, tell);
}
