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
const MAX_LABEL = 65535;

/** A decoded manifest, its fields and limits checked. */
export function parseManifest(manifest, parameters) {
  checkFields("The problem", manifest, FIELDS);
  require(manifest.task === "classification", () => `The task “${manifest.task}” is not known.`);
  require(METRICS.includes(manifest.metric), () => `The metric “${manifest.metric}” is not known.`);
  require(manifest.classes >= 2 && manifest.classes <= MAX_LABEL + 1, () => `${manifest.classes} classes cannot be.`);
  const isShape = manifest.shape.length === 3 && manifest.shape.every((side) => Number.isInteger(side) && side >= 1);
  require(isShape, "The problem's shape is not channels, height and width.");
  require(manifest.validation >= 1, "The problem has no validation examples.");
  require(manifest.floor_error >= 1 && manifest.floor_error <= 1000000, "The problem's floor is no error.");
  require(manifest.data_bytes <=
    parameters.max_data_bytes, "The problem's data set is larger than the network allows.");
  return manifest;
}
