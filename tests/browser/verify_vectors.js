// Runs the browser's check over the vectors of tests/vectors; each function returns the rows that disagree.
import { addressOf, checkAddress } from "/static/js/verify/address.js";
import {
  blockHash,
  checkBounds as checkBlock,
  genesisHeader,
  isSealed,
  parseBlock,
  rewardOf,
  transactionsRoot,
} from "/static/js/verify/block.js";
import { fromHex, toHex, utf8 } from "/static/js/verify/bytes.js";
import { decode, encode } from "/static/js/verify/canonical.js";
import { commitment } from "/static/js/verify/commitment.js";
import { readDataSet } from "/static/js/verify/data_set.js";
import { derive, seedOf } from "/static/js/verify/derivation.js";
import { parseGrammar } from "/static/js/verify/grammar.js";
import { digest } from "/static/js/verify/hashes.js";
import { batchFor, Inference } from "/static/js/verify/inference.js";
import { isIncluded, merkleRoot, objectId } from "/static/js/verify/merkle.js";
import { errorOf } from "/static/js/verify/metrics.js";
import { layoutOf, readModel } from "/static/js/verify/model_file.js";
import { checkBounds, parseNetwork } from "/static/js/verify/network.js";
import { parseManifest } from "/static/js/verify/problem.js";
import { Refused, require } from "/static/js/verify/refused.js";
import { isSigned, readKey } from "/static/js/verify/signature.js";
import { checkTables } from "/static/js/verify/tables.js";
import { openingOf, qualityOf, thresholdOf, weightOf } from "/static/js/verify/threshold.js";
import { checkReward, checkSigned, txid } from "/static/js/verify/transactions.js";
import { wiringBits } from "/static/js/verify/wiring.js";
import { playChallenges, playTransactions } from "./verify_ledger.js";

const fromBase64 = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));

// Null when `run` refuses, else a sentence; errors that are no refusal are faults of the check itself.
function refuses(run) {
  try {
    run();
  } catch (error) {
    return error instanceof Refused ? null : `fails: ${error.stack}`;
  }
  return "is accepted";
}

class Report {
  count = 0;
  odd = [];

  is(found, expected, what) {
    this.count += 1;
    const [left, right] = [JSON.stringify(found), JSON.stringify(expected)];
    if (left !== right) this.odd.push(`${what}: ${left} instead of ${right}`.slice(0, 600));
  }

  refused(run, what) {
    this.is(refuses(run), null, what);
  }
}

function encoding(report, { values, digests, refused }) {
  for (const { value, canonical } of values) {
    report.is(toHex(encode(value)), canonical, "encode");
    report.is(toHex(encode(decode(fromHex(canonical)))), canonical, "decode");
  }
  for (const { kind, value, digest: expected } of digests) report.is(digest(kind, value), expected, "digest");
  for (const { bytes, name } of refused)
    report.refused(() => decode(fromHex(bytes)), `${name} ${bytes.slice(0, 40)}`);
}

function transactions(
  report,
  { people, transactions: valid, refused, signatures, refused_keys: keys, refused_addresses: addresses },
  { genesis: { parameters } },
) {
  for (const { key, address } of people) {
    report.is(addressOf(fromHex(key)), address, "address");
    checkAddress(address);
  }
  for (const { canonical, txid: expected } of valid) {
    const transaction = decode(utf8(canonical));
    if (transaction.kind === "reward") checkReward(transaction, "testing", transaction.body.height);
    else checkSigned(transaction, "testing", parameters);
    report.is(txid(transaction), expected, "txid");
  }
  for (const { canonical, name } of refused) {
    report.refused(() => checkSigned(decode(utf8(canonical)), "testing", parameters), name);
  }
  for (const { key, message, signature, why, valid: expected } of signatures) {
    report.is(isSigned(fromHex(key), fromHex(message), fromHex(signature)), expected, why);
  }
  for (const { key, why } of keys) report.refused(() => readKey(fromHex(key)), why);
  for (const { address } of addresses) report.refused(() => checkAddress(address), address);
}

function merkle(report, { trees, objects }) {
  for (const { leaves, root, paths } of trees) {
    const bytes = leaves.map(fromHex);
    report.is(toHex(merkleRoot(bytes)), root, `root of ${leaves.length}`);
    paths.forEach((path, i) => {
      const siblings = path.map(fromHex);
      report.is(
        isIncluded(fromHex(root), bytes[i], i, bytes.length, siblings),
        true,
        `path ${i} of ${leaves.length}`,
      );
      const longer = [...siblings, fromHex(root)];
      report.is(
        isIncluded(fromHex(root), bytes[i], i, bytes.length, longer),
        false,
        `a longer path ${i} of ${leaves.length}`,
      );
      if (bytes.length > 1) {
        const other = (i + 1) % bytes.length;
        report.is(isIncluded(fromHex(root), utf8("other"), i, bytes.length, siblings), false, `another leaf ${i}`);
        if (leaves[i] !== leaves[other])
          report.is(
            isIncluded(fromHex(root), bytes[other], i, bytes.length, siblings),
            false,
            `leaf ${other} as ${i}`,
          );
      }
    });
  }
  for (const { repeat, times, object_id: id } of objects) {
    const piece = fromHex(repeat);
    const whole = new Uint8Array(piece.length * times);
    for (let i = 0; i < times; i++) whole.set(piece, i * piece.length);
    report.is(objectId(whole), id, `${times} times ${repeat.slice(0, 20)}`);
  }
}

function seed(report, rows) {
  for (const { previous, transactions: root, nonce, seed: expected } of rows) {
    report.is(toHex(seedOf(previous, root, nonce)), expected, `nonce ${nonce}`);
  }
}

function quality(report, rows) {
  for (const { error, quality: expected } of rows) report.is(qualityOf(error), expected, `error ${error}`);
}

function threshold(report, { rounds, work }) {
  for (const { fall, stall_rounds: stallRounds, floor, opening, thresholds } of rounds) {
    for (const [round, expected] of thresholds) {
      report.is(
        thresholdOf({ floor, opening, round, fall, stallRounds }),
        expected,
        `round ${round} from ${opening}`,
      );
    }
  }
  // A late block weighs 1 until three blocks that came in time stand on it.
  for (const { blocks, work: expected } of work) {
    blocks.forEach((_, last) => {
      const chain = blocks.slice(0, last + 1);
      const above = (i) => chain.slice(i + 1).filter((block) => !block.late).length;
      const sum = chain.reduce((total, block, i) => total + weightOf(block.threshold, block.late && above(i) < 3), 0);
      report.is(sum, expected[last], `work at ${last}`);
    });
  }
}

function commitments(report, rows) {
  for (const { entries, product, state } of rows) report.is(commitment(entries), { product, state }, "commitment");
}

function derivation(report, { shape, classes, previous, transactions: root, grammars, cases }) {
  const parsed = Object.fromEntries(Object.entries(grammars).map(([name, text]) => [name, parseGrammar(utf8(text))]));
  cases.forEach((row, i) => {
    const what = `case ${i}, ${row.grammar}, ${row.rule}`;
    if (row.nonce !== undefined) report.is(toHex(seedOf(previous, root, row.nonce)), row.seed, what);
    const run = () => derive(parsed[row.grammar], fromHex(row.seed), { maxChoices: row.max_choices, rule: row.rule });
    if (row.text === undefined) {
      report.refused(run, what);
      return;
    }
    const { text, choices } = run();
    report.is(text, row.text, what);
    report.is(
      choices.map(({ name, options, taken }) => [name, options, taken]),
      row.choices,
      what,
    );
    if (row.last_before !== undefined)
      report.is(choices.at(-1).before.toString(16), row.last_before.replace(/^0+(?=.)/, ""), what);
    if (row.refused) report.refused(() => parseNetwork(text, shape, classes), what);
    else {
      const network = parseNetwork(text, shape, classes);
      report.is([network.parameters, network.macs], [row.parameters, row.macs], what);
    }
  });
}

function wiring(report, rows) {
  for (const { seed: hex, tensor, shape, bits, first } of rows) {
    const found = wiringBits(
      fromHex(hex),
      tensor,
      shape.reduce((product, side) => product * side, 1),
    );
    report.is(toHex(found), bits, `tensor ${tensor}`);
    report.is(
      first.map((_, j) => (found[j >> 3] >> (j & 7)) & 1),
      first,
      `tensor ${tensor}`,
    );
  }
}

const models = new Map();

function modelFile(report, rows) {
  for (const row of rows) {
    const network = parseNetwork(row.text, row.shape, row.classes);
    const bytes = fromBase64(row.file);
    report.is([network.parameters, network.macs], [row.parameters, row.macs], row.text);
    const { head, bytes: length } = layoutOf(network);
    report.is(
      [new TextDecoder().decode(head.subarray(8)), length, objectId(bytes)],
      [row.header, row.bytes, row.object],
      row.text,
    );
    const values = readModel(bytes, network, fromHex(row.seed));
    models.set(row.object, { network, values });
    report.refused(() => readModel(bytes.subarray(0, -1), network, fromHex(row.seed)), "a byte less");
    const other = fromHex(row.seed);
    other[0] ^= 1;
    report.refused(() => readModel(bytes, network, other), "another seed");
  }
}

function logits(report, rows, files) {
  modelFile(new Report(), files);
  checkTables();
  for (const { model, inputs, logits: expected, predictions } of rows) {
    const { network, values } = models.get(model);
    const pixels = fromBase64(inputs);
    for (const batch of [batchFor(network), expected.length]) {
      const inference = new Inference(network, values, batch);
      for (let again = 0; again < 2; again++) {
        const found = inference.logits(pixels);
        report.is(
          expected.map((row, n) => row.map((_, c) => found[c * batch + n])),
          expected,
          network.text,
        );
        report.is([...inference.predict(pixels)], predictions, network.text);
      }
    }
  }
}

function metrics(report, rows) {
  for (const { classes, labels, predictions, ...expected } of rows) {
    for (const metric of ["accuracy", "balanced_accuracy"]) {
      report.is(errorOf(metric, labels, predictions, classes), expected[metric], metric);
    }
  }
}

// --- The chain: all that can be known of a block without the ledger -------------------------------------------

// Only the ledger shows these, and the page does not have it.
const LEDGER = new Set(["wrong_state", "wrong_sequence", "overdraft"]);

function checkOne(raw, parent, { genesis, objects, files, data }) {
  const { parameters } = genesis;
  const { header, transactions: list } = parseBlock(raw, parameters);
  require(header.network === genesis.network, "network");
  require(header.height >= 1 && list.length >= 1, "genesis");
  checkReward(list[0], header.network, header.height);
  for (const transaction of list.slice(1)) checkSigned(transaction, header.network, parameters);
  checkBlock(header, list.length, parameters);
  require(transactionsRoot(list) === header.transactions, "root");
  require(isSealed(header, list[0].body.key), "seal");
  require(header.previous === blockHash(parent) && header.height === parent.height + 1, "parent");
  require(header.timestamp === parent.timestamp + (header.round + 1) * parameters.round_seconds, "timestamp");
  require(header.problem === genesis.problem && header.grammar === genesis.grammar, "contents");
  const problem = parseManifest(decode(utf8(objects[header.problem])), parameters);
  const floor = qualityOf(problem.floor_error);
  const opening = openingOf({ parent, problem: header.problem, floor, raise: parameters.raise });
  const { fall, stall_rounds: stallRounds } = parameters;
  require(thresholdOf({ floor, opening, round: header.round, fall, stallRounds }) === header.threshold, "threshold");
  require(qualityOf(header.error) >= header.threshold, "quality");
  const own = seedOf(header.previous, header.transactions, header.nonce);
  const grammar = parseGrammar(utf8(objects[header.grammar]));
  const { text } = derive(grammar, own, { maxChoices: parameters.max_choices, rule: parameters.derivation });
  const network = parseNetwork(text, problem.shape, problem.classes);
  checkBounds(network, problem, parameters);
  const model = fromBase64(files[header.model]);
  require(model.length === header.model_bytes && objectId(model) === header.model, "model");
  const inference = new Inference(network, readModel(model, network, own), batchFor(network));
  const { pixels, labels } = readDataSet(data, problem);
  const step = batchFor(network) * problem.shape.reduce((product, side) => product * side, 1);
  const predictions = [];
  for (let start = 0; start < pixels.length; start += step)
    predictions.push(...inference.predict(pixels.subarray(start, start + step)));
  require(errorOf(problem.metric, labels, predictions, problem.classes) === header.error, "error");
  return { header, text, network, fees: list.slice(1).reduce((sum, transaction) => sum + transaction.fee, 0) };
}

function chain(report, { genesis, genesis_block: first, objects, models: files, blocks, refused }, data) {
  const world = { genesis, objects, files, data };
  const headers = [genesisHeader(genesis)];
  report.is(
    [blockHash(headers[0]), toHex(encode(decode(utf8(first.raw))))],
    [first.hash, toHex(utf8(first.raw))],
    "block 0",
  );
  for (const [id, text] of Object.entries(objects)) report.is(objectId(utf8(text)), id, "object");
  for (const row of blocks) {
    const found = checkOne(utf8(row.raw), headers.at(-1), world);
    const { header, text, network, fees } = found;
    const paid = rewardOf(header.height, fees, genesis.parameters);
    report.is(
      [blockHash(header), text, network.parameters, network.macs, qualityOf(header.error), fees, paid],
      [row.hash, row.text, row.parameters, row.macs, row.quality, row.fees, row.reward],
      `block ${header.height}`,
    );
    headers.push(header);
  }
  for (const row of refused) {
    const run = () =>
      checkOne(fromBase64(row.bytes), headers[row.height - 1], { ...world, files: { ...files, ...row.models } });
    if (!LEDGER.has(row.name)) report.refused(run, row.why);
  }
}

// What a page can know of votes and storage: the ledger itself it does not have.
function plays(report, rows) {
  for (const row of rows) {
    playTransactions(report, row);
    playChallenges(report, row);
  }
}

const FILES = {
  encoding: [encoding],
  transactions: [transactions, "/vectors/chain.json"],
  merkle: [merkle],
  seed: [seed],
  quality: [quality],
  threshold: [threshold],
  commitment: [commitments],
  derivation: [derivation],
  wiring: [wiring],
  model_file: [modelFile],
  logits: [logits, "/vectors/model_file.json"],
  metrics: [metrics],
  chain: [chain, "/digits"],
  governance: [plays],
  storage: [plays],
};

/** Check one file of vectors: {count, odd}, the number of comparisons and what came out wrong. */
export async function check(name) {
  const [run, ...others] = FILES[name];
  const read = async (path) => {
    const response = await fetch(path);
    return path.endsWith(".json") ? response.json() : new Uint8Array(await response.arrayBuffer());
  };
  const inputs = await Promise.all([`/vectors/${name}.json`, ...others].map(read));
  const report = new Report();
  run(report, ...inputs);
  return { count: report.count, odd: report.odd };
}

/** The names of the files that are checked. */
export const names = Object.keys(FILES);

// --- What no vector holds -------------------------------------------------------------------------------------

const GRAMMARS = [
  "",
  "# nothing",
  "| a",
  "<a> = b",
  "a ::= b",
  "<a> ::= <b>",
  "<a> ::= b\n<a> ::= c",
  "<a> ::= b\n<c> ::= d",
  "<a> ::= <a>",
  "<a> ::= b |",
  "<a> ::= b | | c",
  '<a> ::= b ""',
  "<a> ::= <b",
  "<a> ::= b>",
  "<a>\t::= b",
  "<a> ::= ü",
  "<a> ::= b\r\n",
  `<a> ::= ${"b | ".repeat(256)}b`,
  `<a> ::= ${"x".repeat(65536)}`,
  `<r> ::= c\n${Array.from({ length: 256 }, (_, i) => `<r${i}> ::= c`).join("\n")}`,
];
const NETWORKS = [
  "",
  "conv 4 3 relu",
  "fc 4 relu flatten",
  "flatten conv 4 3 relu",
  "flatten gap fc 4 relu",
  "conv 0 3 relu flatten",
  "conv 04 3 relu flatten",
  "conv 1000000 3 relu flatten",
  "conv 4 3 swish flatten",
  "conv 4 3",
  "pool min flatten fc 4 relu",
  "pool max pool max pool max pool max flatten fc 4 relu",
  "flatten fc 4",
  "dense 4 relu",
  "flatten fc -4 relu",
  "flatten fc 4 relu fc",
  "toString flatten fc 4 relu",
];
const VALUES = [null, undefined, 1.5, -1, -0, 2 ** 53, NaN, Infinity, 1n, "\ud800", { ü: 1 }, () => 1];

/** What the text of the protocol refuses, but this implementation accepts. */
export function findAccepted() {
  const cases = [
    ...GRAMMARS.map((text) => [text, () => parseGrammar(utf8(text))]),
    ...NETWORKS.map((text) => [text, () => parseNetwork(text, [1, 8, 8], 10)]),
    ...VALUES.map((value) => [String(value), () => encode(value)]),
  ];
  return cases.filter(([, run]) => refuses(run) !== null).map(([what]) => what.slice(0, 80));
}

/** Sums as large as section 6.2 lets them be: the logits found, and those expected. */
export function addUpToTheEdge() {
  const network = parseNetwork("flatten fc 2 relu", [8, 1, 1], 2);
  const bias = 2 ** 30;
  const values = [
    {
      weight: new Int8Array(16).fill(127, 0, 8).fill(-127, 8),
      bias: Int32Array.of(bias - 128 * 127 * 8 - 1, 128 * 127 * 8 + 1 - bias),
      shift: Int8Array.of(31, 31),
      skip: null,
    },
    { weight: Int8Array.of(127, -127, -127, 127), bias: Int32Array.of(bias, -bias), shift: null, skip: null },
  ];
  const found = new Inference(network, values, 1).logits(new Uint8Array(8).fill(255));
  const sums = [127 * 127 * 8 + values[0].bias[0], -127 * 127 * 8 + values[0].bias[1]];
  const [first, second] = sums.map((sum) => Math.min(127, Math.max(0, Math.floor((sum + 2 ** 30) / 2 ** 31))));
  return [[...found], [127 * (first - second) + bias, 127 * (second - first) - bias]];
}
