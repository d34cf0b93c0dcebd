// What the workers do: the parts of the check that take long. Each task takes {…, tell} and returns its result.
import { fromHex } from "./bytes.js";
import { batchFor, Inference } from "./inference.js";
import { objectId } from "./merkle.js";
import { readModel } from "./model_file.js";
import { checkTables } from "./tables.js";
import { checkSigned } from "./transactions.js";

let inference = null;
let batch = 1;
let inputs = 1;

export const TASKS = {
  /** The object id of `bytes`. */
  identify({ bytes, tell }) {
    return objectId(bytes, tell);
  },

  /** Refuses when one of the signed transactions is not well-formed or not signed. */
  checkTransactions({ transactions, network, parameters, tell }) {
    transactions.forEach((transaction, i) => {
      checkSigned(transaction, network, parameters);
      tell((i + 1) / transactions.length);
    });
    return transactions.length;
  },

  /** Refuses a model file that is none for this network and seed (hex); returns a few numbers about it. */
  checkModel({ bytes, network, seed }) {
    const values = readModel(bytes, network, fromHex(seed));
    const sum = (count) => values.reduce((total, one) => total + count(one.weight), 0);
    return {
      weights: sum((weight) => weight.length),
      used: sum((weight) => weight.filter((one) => one !== 0).length),
    };
  },

  /** Makes the network ready to predict. */
  prepare({ bytes, network, seed }) {
    checkTables();
    batch = batchFor(network);
    inputs = network.layers[0].input.reduce((product, side) => product * side, 1);
    inference = new Inference(network, readModel(bytes, network, fromHex(seed)), batch);
    return batch;
  },

  /** Pixels of examples -> their predicted classes. */
  predict({ pixels }) {
    const predictions = new Uint16Array(pixels.length / inputs);
    const step = batch * inputs;
    for (let start = 0; start < pixels.length; start += step) {
      predictions.set(inference.predict(pixels.subarray(start, start + step)), start / inputs);
    }
    return predictions;
  },
};
