// Blocks (protocol, section 3): form, hash, root, seal; the genesis block; what the miner is paid (section 7.2).
import { fromHex, toHex, utf8, concat } from "./bytes.js";
import { decode, encode } from "./canonical.js";
import { commitment } from "./commitment.js";
import { checkFields } from "./fields.js";
import { digest } from "./hashes.js";
import { merkleRoot } from "./merkle.js";
import { require } from "./refused.js";
import { isSigned } from "./signature.js";
import { txid } from "./transactions.js";

const ZEROS = "0".repeat(64);
const HEADER = {
  network: "text",
  version: "integer",
  height: "integer",
  previous: "hash",
  round: "integer",
  timestamp: "integer",
  threshold: "integer",
  problem: "hash",
  grammar: "hash",
  transactions: "hash",
  nonce: "integer",
  model: "hash",
  model_bytes: "integer",
  error: "integer",
  state: "hash",
  seal: "signature",
};
const MAX_ERROR = 1000000;

/** The bytes of a block -> {header, transactions}; refuses bytes that are not canonical and fields of wrong form. */
export function parseBlock(raw, parameters) {
  const limit = parameters.max_block_bytes;
  require(raw.length <= limit, () => `The block has ${raw.length} bytes; the network allows ${limit}.`);
  const block = decode(raw);
  checkFields("The block", block, { header: "object", transactions: "list" });
  const isGenesis = block.header.height === 0 && block.header.seal === "";
  checkFields("The header", block.header, isGenesis ? { ...HEADER, seal: "text" } : HEADER);
  const { version } = block.header;
  require(version === 1, () => `The block has version ${version}; this page knows version 1.`);
  return block;
}

/** The hash of a block. */
export function blockHash(header) {
  return digest("block", header);
}

/** The Merkle root over the transactions' ids, as hex. */
export function transactionsRoot(transactions) {
  return toHex(merkleRoot(transactions.map((transaction) => fromHex(txid(transaction)))));
}

/** Whether the header carries the seal of this key (hex). */
export function isSealed(header, key) {
  const { seal, ...rest } = header;
  return isSigned(fromHex(key), concat(utf8("coinai/1/seal\n"), encode(rest)), fromHex(seal));
}

/** Refuse a block whose nonce is out of bounds, whose error is no error, or with too many transactions. */
export function checkBounds(header, count, parameters) {
  const most = 1 + parameters.max_transactions;
  require(count >= 1 && count <= most, () => `The block has ${count} transactions; 1 to ${most} are allowed.`);
  const bound = parameters.nonces_per_transaction * count;
  require(!bound || header.nonce < bound, () => `The nonce ${header.nonce} is not below ${bound}.`);
  const isError = header.error >= 1 && header.error <= MAX_ERROR;
  require(isError, () => `An error of ${header.error} parts per million cannot be.`);
}

/** What the block's miner is paid, in base units: the subsidy less the keepers' share, and the fees. */
export function rewardOf(height, fees, parameters) {
  const halvings = BigInt(Math.floor(height / parameters.halving_blocks));
  const subsidy = BigInt(parameters.initial_subsidy) >> halvings;
  const share = (subsidy * BigInt(parameters.keeper_share_ppm)) / 1000000n;
  return Number(subsidy - share) + fees;
}

/** The header of the genesis block that a genesis document makes. */
export function genesisHeader(genesis) {
  return {
    network: genesis.network,
    version: 1,
    height: 0,
    previous: ZEROS,
    round: 0,
    timestamp: genesis.timestamp,
    threshold: 0,
    problem: genesis.problem,
    grammar: genesis.grammar,
    transactions: digest("genesis", genesis),
    nonce: 0,
    model: ZEROS,
    model_bytes: 0,
    error: 0,
    state: commitment(genesisEntries(genesis)).state,
    seal: "",
  };
}

function genesisEntries(genesis) {
  const entries = {};
  let issued = 0;
  for (const [address, balance] of Object.entries(genesis.allocations)) {
    if (balance) entries[`account/${address}`] = { balance, sequence: 0 };
    issued += balance;
  }
  if (issued) entries.supply = { issued, burned: 0 };
  for (const subject of ["problem", "grammar"]) {
    entries[`active/${subject}`] = { proposal: "", content: genesis[subject], since: 0 };
  }
  return entries;
}
