// Layer language 1 (protocol, section 4.3): from text to layers, shapes, weight tensors and costs.
import { require } from "./refused.js";

const NUMBER = /^[1-9][0-9]{0,5}$/;
const ACTIVATIONS = new Set(["relu", "tanh", "sigmoid"]);
const WORDS = { conv: 3, residual: 2, separable: 3, pool: 1, flatten: 0, gap: 0, fc: 2 };

/**
 * Text -> {text, layers, tensors, parameters, macs}. A shape is [channels, height, width]. A layer has kind,
 * activation, mode, input, output, and its tensors: {index, shape, kernel, isDepthwise, hasShift, hasSkip, activation}.
 */
export function parseNetwork(text, shape, classes) {
  const reader = new LayerReader(shape);
  const words = text === "" ? [] : text.split(" ");
  for (let at = 0; at < words.length;) {
    const kind = words[at];
    require(Object.hasOwn(WORDS, kind), `“${kind}” is no layer.`);
    const options = words.slice(at + 1, at + 1 + WORDS[kind]);
    require(options.length === WORDS[kind], `The last layer, ${kind}, is cut short.`);
    reader.read(kind, options);
    at += 1 + WORDS[kind];
  }
  require(reader.isReduced, "The network has neither flatten nor gap.");
  reader.addDense("output", classes, "");
  const { layers, tensors } = reader;
  const sum = (field) => layers.reduce((total, layer) => total + layer[field], 0);
  return { text, layers, tensors, parameters: sum("parameters"), macs: sum("macs") };
}

class LayerReader {
  layers = [];
  tensors = [];
  isReduced = false;
  #shape;

  constructor(shape) {
    this.#shape = shape;
  }

  read(kind, options) {
    if (kind === "fc") {
      require(this.isReduced, "A fully connected layer stands before flatten or gap.");
      this.addDense("fc", readNumber(kind, options[0]), readActivation(kind, options[1]));
      return;
    }
    require(!this.isReduced, `The layer ${kind} stands behind flatten or gap.`);
    if (kind === "pool") this.#addPool(options[0]);
    else if (kind === "flatten" || kind === "gap") this.#reduce(kind);
    else this.#addConvolution(kind, options);
  }

  #addConvolution(kind, options) {
    const [channels, height, width] = this.#shape;
    const filters = kind === "residual" ? channels : readNumber(kind, options[0]);
    const kernel = readNumber(kind, options.at(-2));
    const activation = readActivation(kind, options.at(-1));
    const square = [kernel, kernel];
    const tensors =
      kind === "separable"
        ? [
            { shape: [channels, 1, ...square], isDepthwise: true, activation: "" },
            { shape: [filters, channels, 1, 1], activation },
          ]
        : [{ shape: [filters, channels, ...square], hasSkip: kind === "residual", activation }];
    this.#add({ kind, activation, output: [filters, height, width], tensors });
  }

  #addPool(mode) {
    require(mode === "max" || mode === "avg", `There is no pooling “${mode}”.`);
    const [channels, height, width] = this.#shape;
    require(height >= 2 && width >= 2, `${height} × ${width} is too small to pool.`);
    this.#add({ kind: "pool", mode, output: [channels, Math.floor(height / 2), Math.floor(width / 2)] });
  }

  #reduce(kind) {
    const [channels, height, width] = this.#shape;
    this.isReduced = true;
    this.#add({ kind, output: [kind === "flatten" ? channels * height * width : channels, 1, 1] });
  }

  addDense(kind, units, activation) {
    const tensor = { shape: [units, this.#shape[0]], activation, hasShift: kind === "fc" };
    this.#add({ kind, activation, output: [units, 1, 1], tensors: [tensor] });
  }

  #add({ kind, activation = "", mode = "", output, tensors = [] }) {
    const layer = { kind, activation, mode, input: this.#shape, output, tensors: [], parameters: 0, macs: 0 };
    for (const { shape, isDepthwise = false, hasShift = true, hasSkip = false, activation: own } of tensors) {
      const weights = shape.reduce((product, side) => product * side, 1);
      const tensor = {
        index: this.tensors.length,
        shape,
        kernel: shape[2] ?? 1,
        isDepthwise,
        hasShift,
        hasSkip,
        activation: own,
        weights,
      };
      layer.parameters += weights + shape[0];
      layer.macs += weights * output[1] * output[2];
      layer.tensors.push(tensor);
      this.tensors.push(tensor);
    }
    this.layers.push(layer);
    this.#shape = output;
  }
}

function readNumber(kind, word) {
  require(NUMBER.test(word), `“${word}” is no number for the layer ${kind}.`);
  return Number(word);
}

function readActivation(kind, word) {
  require(ACTIVATIONS.has(word), `“${word}” is no activation for the layer ${kind}.`);
  return word;
}

/** Refuse a network with one layer of weights only, or outside the bounds of its problem and of the chain. */
export function checkBounds(network, problem, parameters) {
  require(network.tensors.length > 1, "The network has no layer with weights before the last.");
  const { parameters: count, macs } = network;
  const least = problem.min_macs;
  const most = Math.min(problem.max_macs, parameters.max_macs);
  const mostParameters = Math.min(problem.max_parameters, parameters.max_parameters);
  require(count <= mostParameters, `The network has ${count} parameters; ${mostParameters} are allowed.`);
  require(macs >= least &&
    macs <= most, `The network needs ${macs} multiply-accumulates per example; ${least} to ${most} are allowed.`);
  const total = macs * problem.validation;
  const limit = parameters.max_evaluation_macs;
  require(total <=
    limit, `To evaluate the network takes ${total} multiply-accumulates; the network allows ${limit}.`);
}
