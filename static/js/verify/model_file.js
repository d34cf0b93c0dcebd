// Model files (protocol, section 6.2): one possible encoding, the ranges, the wiring, the bound on every sum.
import { concat, firstDifference, textOf } from "./bytes.js";
import { encode } from "./canonical.js";
import { Refused, require } from "./refused.js";
import { bitAt, wiringBits } from "./wiring.js";

const MAX_WEIGHT = 127;
const MAX_BIAS = 2 ** 30;
const [MIN_SHIFT, MAX_SHIFT, MAX_SKIP] = [-8, 31, 14];
const LIMIT = 2 ** 31;
const SIZES = { I8: 1, U8: 1, I32: 4 };
const BLANK = 0x20;

const nameOf = (tensor, part) => `${String(tensor.index).padStart(4, "0")}.${part}`;

/** What stands in the file, in order: [{name, dtype, shape, start, end}], and the bytes before it. */
export function layoutOf(network) {
  const entries = [];
  let end = 0;
  const add = (name, dtype, shape) => {
    const start = end;
    end += SIZES[dtype] * shape.reduce((product, side) => product * side, 1);
    entries.push({ name, dtype, shape, start, end });
  };
  for (const tensor of network.tensors) {
    const outputs = [tensor.shape[0]];
    add(nameOf(tensor, "bias"), "I32", outputs);
    if (tensor.hasShift) add(nameOf(tensor, "shift"), "I8", outputs);
    if (tensor.hasSkip) add(nameOf(tensor, "skip"), "U8", outputs);
    add(nameOf(tensor, "weight"), "I8", tensor.shape);
  }
  const header = { __metadata__: { format: "coinai/1" } };
  for (const { name, dtype, shape, start, end: stop } of entries)
    header[name] = { data_offsets: [start, stop], dtype, shape };
  const json = encode(header);
  const padded = new Uint8Array(Math.ceil(json.length / 8) * 8).fill(BLANK);
  padded.set(json);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(padded.length), true);
  return { entries, head: concat(length, padded), bytes: 8 + padded.length + end };
}

/** The bytes of a model file -> one {weight, bias, shift, skip} per weight tensor; refuses everything section 6.2 does. */
export function readModel(bytes, network, seed) {
  const { entries, head, bytes: expected } = layoutOf(network);
  const at = firstDifference(bytes.subarray(0, head.length), head);
  require(at === -1, () => describeHeader(bytes, head, at));
  require(bytes.length === expected, () => `The model has ${bytes.length} bytes; this network needs ${expected}.`);
  const parts = new Map(entries.map((entry) => [entry.name, readPart(bytes, head.length, entry)]));
  return network.tensors.map((tensor) => {
    const part = (name) => parts.get(nameOf(tensor, name)) ?? null;
    const values = { weight: part("weight"), bias: part("bias"), shift: part("shift"), skip: part("skip") };
    checkWiring(tensor, values.weight, seed);
    checkSums(tensor, values);
    return values;
  });
}

function describeHeader(bytes, head, at) {
  const shown = (from) => {
    try {
      return textOf(from.subarray(at, at + 24));
    } catch (error) {
      if (error instanceof Refused) return "bytes that are no text";
      throw error;
    }
  };
  if (at < 8) return `The model's header has another length than this network's (byte ${at}).`;
  return `The model's header differs from this network's at byte ${at}: “${shown(bytes)}” instead of “${shown(head)}”.`;
}

function readPart(bytes, offset, { dtype, start, end }) {
  // A copy: 32-bit numbers must begin at a multiple of four.
  const piece = bytes.slice(offset + start, offset + end);
  if (dtype === "U8") return piece;
  if (dtype === "I8") return new Int8Array(piece.buffer);
  const view = new DataView(piece.buffer);
  return Int32Array.from({ length: piece.length / 4 }, (_, i) => view.getInt32(4 * i, true));
}

function checkWiring(tensor, weight, seed) {
  const bits = wiringBits(seed, tensor.index, weight.length);
  for (let j = 0; j < weight.length; j++) {
    require(weight[j] >= -MAX_WEIGHT, () => `Weight ${j} of tensor ${tensor.index} is ${weight[j]}.`);
    if (weight[j] !== 0 && !bitAt(bits, j)) {
      throw new Refused(
        `Weight ${j} of tensor ${tensor.index} is ${weight[j]}, but the hash gives it no connection.`,
      );
    }
  }
}

function checkSums(tensor, { weight, bias, shift, skip }) {
  const inputs = weight.length / bias.length;
  for (let o = 0; o < bias.length; o++) {
    const where = `channel ${o} of tensor ${tensor.index}`;
    const s = shift?.[o] ?? 0;
    require(Math.abs(bias[o]) <= MAX_BIAS, () => `The bias of ${where} is ${bias[o]}.`);
    require(s >= MIN_SHIFT && s <= MAX_SHIFT, () => `The shift of ${where} is ${s}.`);
    require(!skip || skip[o] <= MAX_SKIP, () => `The skip of ${where} is ${skip[o]}.`);
    let sum = 0;
    for (let j = o * inputs; j < (o + 1) * inputs; j++) sum += Math.abs(weight[j]);
    sum = 128 * sum + Math.abs(bias[o]) + (skip ? 128 * 2 ** skip[o] : 0) + (s > 0 ? 2 ** (s - 1) : 0);
    require(sum * 2 ** Math.max(0, -s) < LIMIT, () => `The sums of ${where} could reach 2^31.`);
  }
}
