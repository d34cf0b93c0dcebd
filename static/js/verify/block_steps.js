// Steps on the block itself: rules, bytes, hash, root, signatures, parent, contents, threshold; and the genesis block.
// A step gets the session and `tell(share, says)` and returns {says, rows}: a sentence, and what was compared, each row
// [what, computed here, header or limit]. It throws Refused when a rule is broken, Missing when something is not there.
import { group, percent } from "../format.js";
import { addressOf } from "./address.js";
import * as blocks from "./block.js";
import { fromHex } from "./bytes.js";
import { decode, write } from "./canonical.js";
import { parseGrammar } from "./grammar.js";
import { digest } from "./hashes.js";
import { parseManifest } from "./problem.js";
import { require } from "./refused.js";
import { bits, coins, many } from "./session.js";
import { openingOf, qualityOf, thresholdOf, weightOf } from "./threshold.js";
import { checkReward, txid } from "./transactions.js";

const MAX_CONTENT = 65536;

export async function readRules(session) {
  const genesis = await session.source.json("genesis");
  const { network, ...parameters } = await session.source.json("parameters");
  const id = digest("genesis", genesis);
  const isSame = network === genesis.network && write(parameters) === write(genesis.parameters);
  require(isSame, "The parameters that the server tells are not those of its genesis document.");
  Object.assign(session, { genesis, parameters: genesis.parameters });
  return {
    says: `Network ${network}, fixed by its genesis document ${id.slice(0, 8)}…`,
    rows: [
      ["digest of the genesis document", id],
      ["parameters", `${Object.keys(parameters).length}, the same in both`],
    ],
  };
}

export async function readRaw(session) {
  const raw = await session.source.block(session.hash);
  const block = blocks.parseBlock(raw, session.parameters);
  const { header } = block;
  const named = session.genesis.network;
  require(header.network === named, () => `The block is of the network ${header.network}, not ${named}.`);
  Object.assign(session, { block, header });
  return {
    says: `${group(raw.length)} bytes, in the one spelling that is allowed.`,
    rows: [
      ["bytes", group(raw.length), `at most ${group(session.parameters.max_block_bytes)}`],
      ["height", group(header.height)],
      ["transactions", group(block.transactions.length)],
    ],
  };
}

export function checkHash({ header, hash }) {
  const found = blocks.blockHash(header);
  require(found === hash, () => `The header's hash is ${found}, the address of this page says ${hash}.`);
  return { says: "The header hashes to the name in this page's address.", rows: [["hash", found, hash]] };
}

export function checkRoot({ block, header }) {
  const found = blocks.transactionsRoot(block.transactions);
  const claimed = header.transactions;
  require(found === claimed, () => `The root over the transactions is ${found}, the header says ${claimed}.`);
  const ids = block.transactions.map((transaction, i) => [
    `transaction ${i}, ${transaction.kind}`,
    txid(transaction),
  ]);
  const says = `${many(ids.length, "transaction")} under the header's root.`;
  return { says, rows: [["Merkle root", found, claimed], ...ids.slice(0, 20)] };
}

export async function checkSignatures({ block, header, parameters, pool }, tell) {
  const [reward, ...signed] = block.transactions;
  require(reward !== undefined, "The block has no reward.");
  checkReward(reward, header.network, header.height);
  blocks.checkBounds(header, block.transactions.length, parameters);
  const { key } = reward.body;
  require(blocks.isSealed(header, key), () => `The seal is not the signature of the reward's key ${key}.`);
  if (signed.length) {
    await pool.run("checkTransactions", { transactions: signed, network: header.network, parameters }, { tell });
  }
  const fees = signed.reduce((sum, transaction) => sum + transaction.fee, 0);
  const paid = blocks.rewardOf(header.height, fees, parameters);
  const others = signed.length ? `; ${many(signed.length, "transaction")} signed as it should be` : "";
  return {
    says: `Sealed by the miner who is paid ${coins(paid)}${others}.`,
    rows: [
      ["the miner's key", key],
      ["its address", addressOf(fromHex(key))],
      ["paid", coins(paid), `${coins(fees)} of it in fees`],
      ["signatures checked", group(1 + signed.length)],
    ],
  };
}

export async function checkParent(session) {
  const { header, parameters } = session;
  const parent = blocks.parseBlock(await session.source.block(header.previous), parameters).header;
  const hash = blocks.blockHash(parent);
  require(hash === header.previous, () =>
    `The block that came as the parent hashes to ${hash}, not ${header.previous}.`);
  require(parent.network === header.network, "The parent is of another network.");
  require(header.height === parent.height + 1, () =>
    `The block has height ${header.height}, its parent ${parent.height}.`);
  const time = parent.timestamp + (header.round + 1) * parameters.round_seconds;
  require(header.timestamp === time, () =>
    `The timestamp is ${header.timestamp}; round ${header.round} ends at ${time}.`);
  if (parent.height === 0) {
    require(hash ===
      blocks.blockHash(
        blocks.genesisHeader(session.genesis),
      ), "The parent is not the genesis block of this network.");
  }
  session.parent = parent;
  return {
    says: `On block ${group(parent.height)}; round ${group(header.round)} ends at this block's time.`,
    rows: [
      ["hash of the parent", hash, header.previous],
      ["height", group(parent.height + 1), group(header.height)],
      ["timestamp", String(time), String(header.timestamp)],
    ],
  };
}

export async function readContents(session, tell) {
  const { header, genesis, parameters, source } = session;
  if (header.round >= parameters.stall_rounds) {
    const isFirst = header.problem === genesis.problem && header.grammar === genesis.grammar;
    require(isFirst, "In a stalled round only the genesis problem and grammar are allowed.");
  }
  const manifest = await source.object(header.problem, "problem", { limit: MAX_CONTENT });
  const text = await source.object(header.grammar, "grammar", { limit: MAX_CONTENT });
  const ids = [
    await session.identify(manifest, header.problem, "problem", tell),
    await session.identify(text, header.grammar, "grammar", tell),
  ];
  session.problem = parseManifest(decode(manifest), parameters);
  session.grammar = parseGrammar(text);
  const { title, classes, shape, validation } = session.problem;
  return {
    says: `“${title}” and a grammar of ${many(session.grammar.rules.size, "rule")}.`,
    rows: [
      ["problem", ids[0], header.problem],
      ["classes, shape", `${classes}, ${shape.join(" × ")}`],
      ["validation examples", group(validation)],
      ["grammar", ids[1], header.grammar],
    ],
  };
}

export function checkThreshold({ header, parent, problem, parameters }) {
  const { fall, raise, stall_rounds: stallRounds } = parameters;
  const floor = qualityOf(problem.floor_error);
  const opening = openingOf({ parent, problem: header.problem, floor, raise });
  const found = thresholdOf({ floor, opening, round: header.round, fall, stallRounds });
  require(found === header.threshold, () =>
    `The threshold of round ${header.round} is ${found}, the header says ${header.threshold}.`);
  const quality = qualityOf(header.error);
  require(quality >= found, () => `The quality ${quality} is below the threshold ${found}.`);
  return {
    says: `${percent(header.error)} is a quality of ${bits(quality)}; ${bits(found)} were needed.`,
    rows: [
      ["opening of the rounds", bits(opening)],
      [`after ${many(header.round, "round")}`, bits(found), bits(header.threshold)],
      ["quality of the claimed error", bits(quality), `at least ${bits(found)}`],
      ["weight, if it came in time", group(weightOf(found))],
    ],
  };
}

export function checkGenesis({ header, genesis, block }) {
  require(block.transactions.length === 0, "The genesis block has transactions.");
  const expected = blocks.genesisHeader(genesis);
  const odd = Object.keys(expected).find((name) => expected[name] !== header[name]);
  require(odd === undefined, () =>
    `The genesis document makes “${odd}” ${expected[odd]}, the header says ${header[odd]}.`);
  const coinsMade = Object.values(genesis.allocations).reduce((sum, amount) => sum + amount, 0);
  return {
    says: `The document makes this header, and the first ledger with ${coins(coinsMade)} commits to its state.`,
    rows: [
      ["digest of the document", expected.transactions, header.transactions],
      ["commitment to the ledger", expected.state, header.state],
      ["header", "the same in every field"],
    ],
  };
}
