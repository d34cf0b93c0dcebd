// What a grammar gives for a nonce, and for many: computed by the same modules that check blocks.
import { bigEndian, concat, utf8 } from "../verify/bytes.js";
import { derive } from "../verify/derivation.js";
import { sha3_512 } from "../verify/hashes.js";
import { checkBounds, parseNetwork } from "../verify/network.js";
import { Refused } from "../verify/refused.js";

const MOST_ROWS = 600;

/** The seed that the playground gives a nonce; the server's page without script takes the same. */
export function seedOfNonce(nonce) {
  return sha3_512(concat(utf8("coinai/playground\n"), bigEndian(nonce, 8)));
}

/**
 * The network of a nonce: {text, network, kind, reason, choices}. `kind` is "minable", or names in a few words why it
 * is not; `reason` is the whole sentence. `terms` is {rule, problem, parameters}.
 */
export function tryNonce(grammar, nonce, { rule, problem, parameters }) {
  let found = { text: "", choices: [] };
  try {
    found = derive(grammar, seedOfNonce(nonce), { maxChoices: parameters.max_choices, rule });
  } catch (error) {
    return { ...found, network: null, choices: error.choices ?? [], kind: "too long a derivation", reason: sentence(error) };
  }
  try {
    const network = parseNetwork(found.text, problem.shape, problem.classes);
    try {
      checkBounds(network, problem, parameters);
    } catch (error) {
      return { ...found, network, kind: nameBound(network, problem, parameters), reason: sentence(error) };
    }
    return { ...found, network, kind: "minable", reason: "" };
  } catch (error) {
    return { ...found, network: null, kind: "no network of the layer language", reason: sentence(error) };
  }
}

function sentence(error) {
  if (!(error instanceof Refused)) throw error;
  return error.message;
}

function nameBound({ tensors, parameters: count, macs }, problem, parameters) {
  if (tensors.length < 2) return "no weights before the last layer";
  if (count > Math.min(problem.max_parameters, parameters.max_parameters)) return "too many parameters";
  if (macs < problem.min_macs) return "too few MACs";
  return "too many MACs";
}

/** The tree of a derivation as rows {depth, label, isName}, and whether it was cut. */
export function listTree(grammar, choices, maxChoices) {
  const rows = [];
  const open = [{ depth: 0, symbol: grammar.start, isName: true }];
  let made = 0;
  while (open.length) {
    if (rows.length === MOST_ROWS) return { rows, isCut: true };
    const { depth, symbol, isName } = open.pop();
    rows.push({ depth, label: symbol, isName });
    if (!isName) continue;
    const alternatives = grammar.rules.get(symbol);
    const alternative = alternatives.length === 1 ? alternatives[0] : made < choices.length ? alternatives[choices[made++].taken] : made >= maxChoices ? least(grammar, alternatives) : null;
    if (alternative === null) return { rows, isCut: true }; // the derivation was given up here
    for (let i = alternative.length - 1; i >= 0; i -= 1) open.push({ depth: depth + 1, ...alternative[i] });
  }
  return { rows, isCut: false };
}

function least(grammar, alternatives) {
  const heights = alternatives.map((one) => grammar.heightOf(one));
  return alternatives[heights.indexOf(Math.min(...heights))];
}
