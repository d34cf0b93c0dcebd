// Derives beside the page, so that typing stays smooth: takes {id, text, nonce, count, terms}, answers {id, one} first,
// then {id, many} again and again. A newer message ends the work on the one before it.
import { checkGrammar } from "./grammar_check.js";
import { listTree, tryNonce } from "./sampling.js";

const SLICE_MS = 60;
let latest = 0;

addEventListener("message", ({ data }) => {
  latest = data.id;
  work(data).catch((error) => postMessage({ id: data.id, failed: String(error) }));
});

async function work({ id, text, nonce, count, terms }) {
  const { grammar } = checkGrammar(text);
  if (!grammar) return;
  const one = tryNonce(grammar, nonce, terms);
  const { choices, ...shown } = one;
  postMessage({ id, one: { ...shown, choices: choices.length, tree: listTree(grammar, choices, terms.parameters.max_choices) } });
  const rows = [];
  while (rows.length < count) {
    const end = performance.now() + SLICE_MS;
    while (rows.length < count && performance.now() < end) rows.push(summary(tryNonce(grammar, rows.length, terms)));
    postMessage({ id, many: rows, isDone: rows.length === count });
    await new Promise((resolve) => setTimeout(resolve)); // lets a newer message in
    if (latest !== id) return;
  }
}

function summary({ network, kind }) {
  if (!network) return { kind };
  return { kind, layers: network.layers.length, parameters: network.parameters, macs: network.macs };
}
