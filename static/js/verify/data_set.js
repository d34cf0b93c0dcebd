// Data sets (protocol, section 6.1).
import { textOf } from "./bytes.js";
import { checkFields } from "./fields.js";
import { Refused, require } from "./refused.js";

const SIZES = { U8: 1, U16: 2 };

/** The bytes of a data-set file -> {pixels: Uint8Array, labels: Uint16Array} of the validation part. */
export function readDataSet(bytes, problem) {
  require(bytes.length >= 8, "The data set has no header.");
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  require(length <= BigInt(bytes.length - 8), "The data set's header is longer than the file.");
  const header = parseHeader(bytes.subarray(8, 8 + Number(length)));
  const body = bytes.subarray(8 + Number(length));
  const { shape, train, validation } = problem;
  const expected = {
    train_x: ["U8", [train, ...shape]],
    train_y: ["U16", [train]],
    validation_x: ["U8", [validation, ...shape]],
    validation_y: ["U16", [validation]],
  };
  checkFields("The data set", header, Object.fromEntries(Object.keys(expected).map((name) => [name, "object"])));
  const spans = Object.entries(expected).map(([name, [dtype, sides]]) => readSpan(name, header[name], dtype, sides));
  const end = [...spans]
    .sort((a, b) => a.start - b.start || a.end - b.end)
    .reduce((at, span) => {
      require(span.start === at, `In the data set, ${span.name} leaves a gap or lies on something else.`);
      return span.end;
    }, 0);
  require(end === body.length, "The data set has surplus bytes, or too few.");
  const part = (name) => {
    const { start, end: stop } = spans.find((span) => span.name === name);
    return body.slice(start, stop);
  };
  const labels = new Uint16Array(part("validation_y").buffer);
  require(labels.every((label) => label < problem.classes), "The data set has a label that is no class.");
  return { pixels: part("validation_x"), labels };
}

function parseHeader(bytes) {
  try {
    return JSON.parse(textOf(bytes));
  } catch (error) {
    if (error instanceof Refused) throw error;
    throw new Refused("The data set's header is no JSON.");
  }
}

function readSpan(name, entry, dtype, sides) {
  checkFields(`In the data set, ${name}`, entry, { dtype: "text", shape: "list", data_offsets: "list" });
  const isExpected = entry.dtype === dtype && JSON.stringify(entry.shape) === JSON.stringify(sides);
  require(isExpected, `In the data set, ${name} is ${entry.dtype} [${entry.shape}]; the problem says ${dtype} [${sides}].`);
  const [start, end] = entry.data_offsets;
  const bytes = SIZES[dtype] * sides.reduce((product, side) => product * side, 1);
  require(Number.isSafeInteger(start) &&
    start >= 0 &&
    end === start + bytes, `In the data set, ${name} has another length.`);
  return { name, start, end };
}
