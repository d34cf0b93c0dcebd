// Steps from the seed to the error: what network the hash asks for, and what the model in the block makes of it.
// How a step is called and answers stands in block_steps.js; `isOpen` besides says how many examples could be checked.
import { group, percent } from "../format.js";
import { toHex } from "./bytes.js";
import { readDataSet } from "./data_set.js";
import { derive, seedOf } from "./derivation.js";
import { Evaluation } from "./evaluation.js";
import { checkBounds, parseNetwork } from "./network.js";
import { Refused, require } from "./refused.js";
import { many } from "./session.js";
import { Missing } from "./source.js";

const MAX_DATA = 2 ** 28; // bytes that a page may be asked to hold
const MIN_SAMPLE = 200;
const UNLIKELY = 5; // standard deviations

export function computeSeed(session) {
  const { previous, transactions, nonce } = session.header;
  session.seed = seedOf(previous, transactions, nonce);
  const text = toHex(session.seed);
  return {
    says: `${text.slice(0, 16)}… from the parent's hash, the Merkle root and nonce ${group(nonce)}.`,
    rows: [
      ["previous", previous],
      ["transactions", transactions],
      ["nonce", group(nonce)],
      ["H, 512 bits", text],
    ],
  };
}

export function deriveText(session) {
  const { grammar, seed, parameters } = session;
  const { text, choices } = derive(grammar, seed, {
    maxChoices: parameters.max_choices,
    rule: parameters.derivation,
  });
  session.text = text;
  const rows = choices
    .slice(0, 40)
    .map(({ name, options, taken }, i) => [
      `choice ${i + 1}`,
      `<${name}> takes alternative ${taken} of 0 to ${options - 1}`,
    ]);
  return { says: `${many(choices.length, "choice")}: ${text}`, rows: [["text", text], ...rows] };
}

export function buildNetwork(session) {
  const { text, problem, parameters } = session;
  const network = parseNetwork(text, problem.shape, problem.classes);
  checkBounds(network, problem, parameters);
  session.network = network;
  const rows = network.layers.map((layer) => [
    `${layer.kind} ${layer.activation || layer.mode}`.trim(),
    `${layer.input.join(" × ")} → ${layer.output.join(" × ")}`,
  ]);
  return {
    says: `${many(network.layers.length, "layer")}, ${group(network.parameters)} parameters, ${group(network.macs)} multiply-accumulates.`,
    rows: [
      ["parameters", group(network.parameters), `at most ${group(problem.max_parameters)}`],
      [
        "multiply-accumulates per example",
        group(network.macs),
        `${group(problem.min_macs)} to ${group(problem.max_macs)}`,
      ],
      ...rows,
    ],
  };
}

export async function checkModel(session, tell) {
  const { header, network, parameters, source, pool } = session;
  const limit = header.model_bytes;
  require(limit <= parameters.max_model_bytes, () =>
    `The header names a model of ${limit} bytes, more than the network allows.`);
  const bytes = await source.object(header.model, "model", { limit });
  require(bytes.length === limit, () =>
    `The model that came has ${bytes.length > limit ? "more than " : ""}${Math.min(bytes.length, limit)} bytes, the header says ${limit}.`);
  const id = await session.identify(bytes, header.model, "model", tell);
  const { weights, used } = await pool.run("checkModel", { bytes, network, seed: toHex(session.seed) });
  session.model = bytes;
  return {
    says: `${group(bytes.length)} bytes; all ${group(used)} weights that are not 0 lie on connections of the hash.`,
    rows: [
      ["object id", id, header.model],
      ["bytes", group(bytes.length), group(limit)],
      ["weights", group(weights)],
      ["of them not 0", group(used)],
    ],
  };
}

export async function checkData(session, tell) {
  const { problem, source } = session;
  const limit = problem.data_bytes;
  if (limit > MAX_DATA)
    throw new Missing(`The data set has ${group(limit)} bytes, too many for a page. Run a node to check it.`);
  const bytes = await source.object(problem.data, "data set", { limit, tell: (share) => tell(share / 2) });
  require(bytes.length === limit, () =>
    `The data set that came has ${bytes.length > limit ? "more than " : ""}${Math.min(bytes.length, limit)} bytes, the problem says ${limit}.`);
  const id = await session.identify(bytes, problem.data, "data set", (share) => tell((1 + share) / 2));
  session.data = readDataSet(bytes, problem);
  return {
    says: `${group(bytes.length)} bytes; ${group(problem.validation)} examples to judge by.`,
    rows: [
      ["object id", id, problem.data],
      ["bytes", group(bytes.length), group(limit)],
      ["classes among the labels", group(new Set(session.data.labels).size)],
    ],
  };
}

export async function evaluate(session, tell, isWhole = false) {
  const { header, network, problem, data, model, pool } = session;
  if (!session.evaluation) {
    session.evaluation = new Evaluation({ network, problem, data, claimed: header.error });
    await pool.runEverywhere("prepare", { bytes: model, network, seed: toHex(session.seed) });
  }
  const total = problem.validation;
  const needed = total * network.macs;
  const sample = Math.max(MIN_SAMPLE, Math.floor(session.limits.sampleMacs / network.macs));
  const until = isWhole || needed <= session.limits.automaticMacs ? total : Math.min(total, sample);
  const standing = await session.evaluation.run(pool, until, ({ done, wrong }) =>
    tell(done / until, `${group(wrong)} of ${group(done)} wrong so far`),
  );
  refuseFalseClaim(standing, header.error);
  return standing.done < total
    ? describeSample(standing, header.error, problem.metric)
    : describeWhole(standing, header.error, problem.metric);
}

function refuseFalseClaim({ total, done, wrong, least, most, isImpossible }, claimed) {
  if (!isImpossible) return;
  if (done === total)
    throw new Refused(
      `The model is wrong on ${wrong} of ${total}: an error of ${least} ppm, the header says ${claimed}.`,
    );
  const range = `${least} to ${most}`;
  throw new Refused(
    `After ${done} of ${total} examples ${wrong} are wrong: the error is ${range} ppm, the header says ${claimed}.`,
  );
}

function describeWhole({ total, wrong, least }, claimed, metric) {
  return {
    says: `Wrong on ${group(wrong)} of ${group(total)}: ${percent(least)}, exactly as the header says.`,
    rows: [
      ["metric", metric.replace("_", " ")],
      ["wrong", group(wrong), `of ${group(total)}`],
      ["error, parts per million", group(least), group(claimed)],
    ],
  };
}

function describeSample({ total, done, wrong, least, most }, claimed, metric) {
  const share = wrong / done;
  const chance = claimed / 1e6;
  const deviation = Math.sqrt((chance * (1 - chance) * (total - done)) / (done * (total - 1)));
  const isOdd = metric === "accuracy" && Math.abs(share - chance) > UNLIKELY * deviation;
  const verdict = isOdd ? "more than chance explains" : "as far as a sample can say, it fits";
  return {
    says: `Wrong on ${group(wrong)} of ${group(done)} drawn at random; the header says ${percent(claimed)}: ${verdict}.`,
    rows: [
      ["error on the sample", percent(share * 1e6), percent(claimed)],
      ["error that is still possible, ppm", `${group(least)} to ${group(most)}`, group(claimed)],
    ],
    isOpen: total,
  };
}
