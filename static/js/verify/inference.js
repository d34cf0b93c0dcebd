// Exact inference (protocol, section 6.3) in 32-bit integers, many examples at once.
//
// Section 6.2 bounds the sum of the absolute values of everything that is added up by 2^31, so no order of adding can
// overflow. Values lie as [channel, row, column, example], the example innermost: then all columns of an output row,
// for all examples, are one long run to which each weight adds a run of its input, and the loop over a run is the
// only one that counts. Weights that are 0 (half of them have no connection) are left out.
import { TABLES } from "./tables.js";
import { require } from "./refused.js";

const TOGETHER = 4; // weights added in one pass over a run
const MIDDLE = 512; // the tables begin at z = -512

const MAX_BATCH = 32;
const ROOM = 2 ** 23; // bytes for the widest layer of a batch

/** How many examples at once are quick without taking much memory. */
export function batchFor(network) {
  const widths = network.layers.map(({ input: [channels, height, width], tensors }) => {
    const edge = Math.max(0, ...tensors.map((tensor) => tensor.kernel - 1));
    return channels * (height + edge) * (width + edge);
  });
  return Math.max(1, Math.min(MAX_BATCH, Math.floor(ROOM / Math.max(...widths))));
}

/** A network with its weights, ready to predict up to `batch` examples at once. */
export class Inference {
  #stages;
  #inputs;
  #classes;
  #batch;

  constructor(network, values, batch) {
    this.#batch = batch;
    this.#inputs = network.layers[0].input.reduce((product, side) => product * side, 1);
    this.#classes = network.layers.at(-1).output[0];
    this.#stages = network.layers.flatMap((layer) => stagesOf(layer, values, batch));
  }

  /** Pixels (uint8, example after example) -> logits, Int32Array [class, example] with `batch` examples a row. */
  logits(pixels) {
    const count = pixels.length / this.#inputs;
    require(Number.isInteger(count) && count <= this.#batch, "The examples do not fit the network.");
    const first = new Int8Array(this.#inputs * this.#batch);
    for (let n = 0; n < count; n++) {
      for (let i = 0; i < this.#inputs; i++) first[i * this.#batch + n] = pixels[n * this.#inputs + i] >> 1;
    }
    return this.#stages.reduce((x, stage) => stage.run(x), first);
  }

  /** Pixels -> the predicted classes: the largest logit, the lowest class on a tie. */
  predict(pixels) {
    const logits = this.logits(pixels);
    return Uint16Array.from({ length: pixels.length / this.#inputs }, (_, n) => {
      let best = 0;
      for (let c = 1; c < this.#classes; c++)
        if (logits[c * this.#batch + n] > logits[best * this.#batch + n]) best = c;
      return best;
    });
  }
}

function stagesOf(layer, values, batch) {
  if (layer.kind === "pool") return [new Pool(layer, batch)];
  if (layer.kind === "gap") return [new Average(layer, batch)];
  if (layer.kind === "flatten") return []; // [channel, row, column, example] is in that order already
  const [, height, width] = layer.input;
  return layer.tensors.map((tensor) => new Weighted(tensor, values[tensor.index], { height, width, batch }));
}

/** A convolution or a fully connected layer (one of kernel 1 on 1 × 1). */
class Weighted {
  #tensor;
  #values;
  #columns; // values in one row of the output: columns × examples
  #rows;
  #input; // {channels, before, row, plane}: how the padded input lies
  #padded = null;
  #terms;
  #output;

  constructor(tensor, values, { height, width, batch }) {
    const { kernel, shape, isDepthwise, hasShift } = tensor;
    const channels = isDepthwise ? shape[0] : shape[1];
    this.#tensor = tensor;
    this.#values = values;
    this.#rows = height;
    this.#columns = width * batch;
    const row = (width + kernel - 1) * batch;
    this.#input = { channels, before: (kernel - 1) >> 1, batch, row, plane: (height + kernel - 1) * row };
    if (kernel > 1) this.#padded = new Int8Array(channels * this.#input.plane);
    this.#terms = listTerms(tensor, values.weight, this.#input);
    this.#output = hasShift
      ? new Int8Array(shape[0] * height * this.#columns)
      : new Int32Array(shape[0] * this.#columns);
  }

  run(x) {
    const input = this.#padded ? this.#pad(x) : x;
    const { bias, shift, skip } = this.#values;
    const sums = new Int32Array(this.#columns);
    const outputs = this.#tensor.shape[0];
    for (let y = 0; y < this.#rows; y++) {
      for (let o = 0; o < outputs; o++) {
        sums.fill(bias[o]);
        addTerms(sums, input, y * this.#input.row, this.#terms[o]);
        const start = (o * this.#rows + y) * this.#columns;
        if (skip) addSkip(sums, x, start, skip[o]);
        if (!shift) this.#output.set(sums, start);
        else requantise(this.#output, start, sums, shift[o], this.#tensor.activation);
      }
    }
    return this.#output;
  }

  // Zeros around, written once when the room was made; the rows of the input go into the middle.
  #pad(x) {
    const { channels, before, batch, row, plane } = this.#input;
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < this.#rows; y++) {
        const from = (c * this.#rows + y) * this.#columns;
        this.#padded.set(x.subarray(from, from + this.#columns), c * plane + (y + before) * row + before * batch);
      }
    }
    return this.#padded;
  }
}

// For each output channel the weights that are not 0, and where the run that each multiplies begins for row 0.
function listTerms({ shape, kernel, isDepthwise }, weight, { batch, row, plane }) {
  const [outputs, inputs] = shape;
  const size = inputs * kernel * kernel;
  return Array.from({ length: outputs }, (_, o) => {
    const offsets = [];
    const factors = [];
    for (let j = 0; j < size; j++) {
      if (weight[o * size + j] === 0) continue;
      const channel = isDepthwise ? o : Math.floor(j / (kernel * kernel));
      const [ky, kx] = [Math.floor(j / kernel) % kernel, j % kernel];
      offsets.push(channel * plane + ky * row + kx * batch);
      factors.push(weight[o * size + j]);
    }
    while (factors.length % TOGETHER) {
      offsets.push(0);
      factors.push(0);
    }
    return { offsets: Int32Array.from(offsets), factors: Int32Array.from(factors) };
  });
}

function addTerms(sums, x, base, { offsets, factors }) {
  const length = sums.length;
  for (let k = 0; k < factors.length; k += TOGETHER) {
    const [w0, w1, w2, w3] = [factors[k], factors[k + 1], factors[k + 2], factors[k + 3]];
    let a = base + offsets[k];
    let b = base + offsets[k + 1];
    let c = base + offsets[k + 2];
    let d = base + offsets[k + 3];
    for (let i = 0; i < length; i++, a++, b++, c++, d++) {
      sums[i] += Math.imul(w0, x[a]) + Math.imul(w1, x[b]) + Math.imul(w2, x[c]) + Math.imul(w3, x[d]);
    }
  }
}

function addSkip(sums, x, start, skip) {
  for (let i = 0; i < sums.length; i++) sums[i] += x[start + i] << skip;
}

function requantise(output, start, sums, shift, activation) {
  const table = TABLES[activation];
  const [least, most] = table ? [-MIDDLE, MIDDLE - 1] : activation === "relu" ? [0, 127] : [-128, 127];
  const right = Math.max(shift, 0);
  const left = Math.max(-shift, 0);
  const half = shift > 0 ? 2 ** (shift - 1) : 0;
  for (let i = 0; i < sums.length; i++) {
    // One of the two shifts is by 0.
    let z = ((sums[i] + half) >> right) << left;
    z = z < least ? least : z > most ? most : z;
    output[start + i] = table ? table[z + MIDDLE] : z;
  }
}

class Pool {
  #layer;
  #batch;
  #output;

  constructor(layer, batch) {
    this.#layer = layer;
    this.#batch = batch;
    this.#output = new Int8Array(layer.output.reduce((product, side) => product * side, batch));
  }

  run(x) {
    const [, height, width] = this.#layer.input;
    const [channels, rows, columns] = this.#layer.output;
    const batch = this.#batch;
    const isMax = this.#layer.mode === "max";
    let to = 0;
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < rows; y++) {
        for (let column = 0; column < columns; column++) {
          let from = ((c * height + 2 * y) * width + 2 * column) * batch;
          for (let n = 0; n < batch; n++, from++, to++) {
            const [a, b] = [x[from], x[from + batch]];
            const [e, f] = [x[from + width * batch], x[from + (width + 1) * batch]];
            this.#output[to] = isMax ? Math.max(a, b, e, f) : (a + b + e + f + 2) >> 2;
          }
        }
      }
    }
    return this.#output;
  }
}

class Average {
  #channels;
  #area;
  #batch;

  constructor(layer, batch) {
    const [channels, height, width] = layer.input;
    this.#channels = channels;
    this.#area = height * width;
    this.#batch = batch;
  }

  run(x) {
    const shift = 32 - Math.clz32(this.#area - 1); // the least with 2^shift >= area
    const half = this.#area > 1 ? 2 ** (shift - 1) : 0;
    const output = new Int8Array(this.#channels * this.#batch);
    for (let c = 0; c < this.#channels; c++) {
      for (let n = 0; n < this.#batch; n++) {
        let sum = half;
        for (let i = 0; i < this.#area; i++) sum += x[(c * this.#area + i) * this.#batch + n];
        output[c * this.#batch + n] = sum >> shift;
      }
    }
    return output;
  }
}
