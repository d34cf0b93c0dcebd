// The manifest of a problem (protocol, section 8).
import { checkFields } from "./fields.js";
import { require } from "./refused.js";

const FIELDS = {
  title: "text",
  summary: "text",
  licence: "text",
  source: "text",
  task: "text",
  metric: "text",
  classes: "integer",
  shape: "list",
  train: "integer",
  validation: "integer",
  data: "hash",
  data_bytes: "integer",
  floor_error: "integer",
  min_macs: "integer",
  max_macs: "integer",
  max_parameters: "integer",
  min_active_blocks: "integer",
  conversion: "text",
};
const METRICS = ["accuracy", "balanced_accuracy"];
const MAX_TEXT = { title: 120, summary: 2000, licence: 200, source: 500, conversion: 2000 };
const MAX_CLASSES = 1000;
const MAX_HEADER = 65536; // bytes of a tensor file before its values, besides the eight of its length
const MAX_LOCK_FACTOR = 10;
// Control characters, and those that make a text look like another one.
const HIDDEN = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/;

/** A decoded manifest, its fields and limits checked. */
export function parseManifest(manifest, parameters) {
  checkFields("The problem", manifest, FIELDS);
  for (const name of Object.keys(MAX_TEXT)) checkText(name, manifest[name]);
  require(manifest.task === "classification", () => `The task “${manifest.task}” is not known.`);
  require(METRICS.includes(manifest.metric), () => `The metric “${manifest.metric}” is not known.`);
  const isShape = manifest.shape.length === 3 && manifest.shape.every((side) => Number.isInteger(side) && side >= 1);
  require(isShape, "The problem's shape is not channels, height and width.");
  for (const name of Object.keys(FIELDS).filter((field) => FIELDS[field] === "integer"))
    require(manifest[name] >= 1, () => `The problem's ${name} is 0.`);
  require(manifest.classes >= 2, "The problem has one class.");
  checkLimits(manifest, parameters);
  checkLength(manifest);
  return manifest;
}

function checkText(name, text) {
  const most = MAX_TEXT[name];
  const length = [...text].length;
  require(length >= 1 && length <= most, () =>
    `The problem's ${name} has ${length} characters; 1 to ${most} are allowed.`);
  require(!/^[ \n]|[ \n]$/.test(text), () => `The problem's ${name} begins or ends with a blank.`);
  const isPlain = !HIDDEN.test(text) && !(name === "title" && text.includes("\n"));
  require(isPlain, () => `The problem's ${name} has a control character.`);
}

function checkLimits(manifest, parameters) {
  const least = parameters.min_active_blocks;
  const values = manifest.shape.reduce((product, side) => product * side, 1);
  const limits = {
    classes: [manifest.classes, MAX_CLASSES],
    data_bytes: [manifest.data_bytes, parameters.max_data_bytes],
    shape: [values, parameters.max_macs],
    floor_error: [manifest.floor_error, 1000000],
    min_macs: [manifest.min_macs, manifest.max_macs],
    max_macs: [manifest.max_macs, parameters.max_macs],
    max_parameters: [manifest.max_parameters, parameters.max_parameters],
    "validation × max_macs": [manifest.validation * manifest.max_macs, parameters.max_evaluation_macs],
    min_active_blocks: [manifest.min_active_blocks, MAX_LOCK_FACTOR * least],
  };
  for (const [name, [value, most]] of Object.entries(limits))
    require(value <= most, () => `The problem's ${name} is ${value}; at most ${most} is allowed.`);
  require(manifest.min_active_blocks >= least, () => `The problem wants to stay for fewer than ${least} blocks.`);
}

// The four tensors of the data set, and a header: the length cannot be another one.
function checkLength({ shape, train, validation, data_bytes: length }) {
  const values = (train + validation) * (shape.reduce((product, side) => product * side, 1) + 2);
  const fits = length > values && length <= values + 8 + MAX_HEADER;
  require(fits, () => `The data set has ${length} bytes; its values alone are ${values}.`);
}
