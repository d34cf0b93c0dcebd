// The steps of the check, in order: {id, title, about, needs, run}. A step runs when those that it needs have passed.
import * as block from "./block_steps.js";
import * as network from "./network_steps.js";

const RULES = {
  id: "rules",
  title: "Rules",
  about: "The network's parameters are those of its genesis document.",
  needs: [],
  run: block.readRules,
};
const RAW = {
  id: "raw",
  title: "Raw block",
  about: "The bytes are canonical, every field has its form.",
  needs: ["rules"],
  run: block.readRaw,
};
const HASH = {
  id: "hash",
  title: "Hash",
  about: "The header hashes to the name in this page's address.",
  needs: ["raw"],
  run: block.checkHash,
};
const CONTENTS = {
  id: "contents",
  title: "Problem and grammar",
  about: "Both are what the header names.",
  needs: ["raw"],
  run: block.readContents,
};
const DATA = {
  id: "data",
  title: "Data set",
  about: "It is the one that the problem names.",
  needs: ["contents"],
  run: network.checkData,
};

/** The steps for a block of this height. */
export function stepsFor(height) {
  if (height === 0) {
    const document = {
      id: "genesis",
      title: "Genesis document",
      about: "It makes this header and the first ledger.",
      needs: ["raw"],
      run: block.checkGenesis,
    };
    return [RULES, RAW, HASH, document, CONTENTS, DATA];
  }
  return [
    RULES,
    RAW,
    HASH,
    {
      id: "root",
      title: "Merkle root",
      about: "The transactions are those that the header commits to.",
      needs: ["raw"],
      run: block.checkRoot,
    },
    {
      id: "seal",
      title: "Seal and signatures",
      about: "The miner sealed the block, the senders signed.",
      needs: ["raw"],
      run: block.checkSignatures,
    },
    {
      id: "parent",
      title: "Parent and time",
      about: "It stands on its parent, at the end of its round.",
      needs: ["raw"],
      run: block.checkParent,
    },
    CONTENTS,
    {
      id: "threshold",
      title: "Threshold",
      about: "The claimed error is good enough for the round.",
      needs: ["parent", "contents"],
      run: block.checkThreshold,
    },
    {
      id: "seed",
      title: "Seed",
      about: "The number that fixes the network.",
      needs: ["raw"],
      run: network.computeSeed,
    },
    {
      id: "derivation",
      title: "Derivation",
      about: "What the grammar makes of the seed.",
      needs: ["seed", "contents"],
      run: network.deriveText,
    },
    {
      id: "network",
      title: "Network",
      about: "Its layers fit together and stay within the bounds.",
      needs: ["derivation"],
      run: network.buildNetwork,
    },
    {
      id: "model",
      title: "Model",
      about: "The file is the header's, and uses only connections of the hash.",
      needs: ["network"],
      run: network.checkModel,
    },
    DATA,
    {
      id: "error",
      title: "Error",
      about: "The model run on every example, in whole numbers.",
      needs: ["model", "data"],
      run: network.evaluate,
    },
  ];
}
