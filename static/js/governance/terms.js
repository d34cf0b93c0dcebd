// The terms of a problem: a form, what its numbers mean, and the manifest that the site makes of them, checked here.
import { percent } from "../format.js";
import { decode, encode } from "../verify/canonical.js";
import { objectId } from "../verify/merkle.js";
import { parseManifest } from "../verify/problem.js";
import { require } from "../verify/refused.js";
import { textOf, utf8 } from "../verify/bytes.js";

const NUMBERS = ["min_macs", "max_macs", "max_parameters", "min_active_blocks"];
const TEXTS = ["title", "summary", "licence", "source"];

/** Put the site's suggestion into the form, where nothing was typed yet. */
export function prefill(form, suggested) {
  for (const name of NUMBERS) form.elements[name].value ||= suggested[name];
  form.elements.floor.value ||= suggested.floor_error / 10000;
}

/** What the form says, as the API takes it. */
export function readTerms(form) {
  const { elements } = form;
  const terms = { metric: elements.metric.value, floor_error: Math.round(Number(elements.floor.value) * 10000) };
  for (const name of TEXTS) terms[name] = elements[name].value.replaceAll("\r\n", "\n").trim();
  for (const name of NUMBERS) terms[name] = Number(elements[name].value);
  return terms;
}

/** Put kept terms back. */
export function writeTerms(form, terms) {
  for (const name of [...TEXTS, ...NUMBERS, "metric"]) if (terms[name] !== undefined) form.elements[name].value = terms[name];
  if (terms.floor_error) form.elements.floor.value = terms.floor_error / 10000;
}

/** The error of guessing, in parts per million, as the metric counts it. */
export function guessError(report, metric) {
  const classes = report.classes.length;
  return metric === "accuracy" ? report.majority_error : Math.round((1e6 * (classes - 1)) / classes);
}

/** What the floor means, in words, and whether it makes no sense. */
export function explainFloor(report, terms) {
  const guess = guessError(report, terms.metric);
  const floor = terms.floor_error;
  if (!(floor >= 1 && floor <= 1e6)) return { words: "A share of wrong answers between 0 and 100%.", isBad: true };
  const start = `Worse than ${percent(floor)} does not count; guessing gives ${percent(guess)}.`;
  if (floor >= guess) return { words: `${start} Guessing would be enough to make blocks: take less.`, isBad: true };
  if (floor < guess / 10) return { words: `${start} That is strict: when no network gets there, no block is found until the threshold has fallen.`, isBad: false };
  return { words: start, isBad: false };
}

/**
 * Refuse a manifest that is not what the form and the report say, or not what the chain takes; returns it decoded.
 * `written` is {content, id}; nothing that the site says about it is believed.
 */
export function checkWritten(written, terms, upload, parameters) {
  const bytes = utf8(written.content);
  const manifest = parseManifest(decode(bytes), parameters);
  require(textOf(encode(manifest)) === written.content, "The site's manifest is not canonical JSON.");
  require(objectId(bytes) === written.id, "The site names the manifest by another id than it has.");
  const expected = {
    ...terms,
    classes: upload.report.classes.length,
    train: upload.report.train,
    validation: upload.report.validation,
    data: upload.data,
    data_bytes: upload.data_bytes,
    conversion: upload.conversion,
  };
  for (const [name, value] of Object.entries(expected)) {
    require(manifest[name] === value, `The site's manifest has another ${name.replaceAll("_", " ")} than this page shows.`);
  }
  require(String(manifest.shape) === String(upload.shape), "The site's manifest has another shape than this page shows.");
  return manifest;
}

/** The base units that a proposal of so many bytes of data locks (protocol, section 2). */
export function depositOf(dataBytes, parameters) {
  return parameters.proposal_deposit + Math.ceil((parameters.proposal_deposit_per_mib * dataBytes) / 2 ** 20);
}

/** Whether the terms that a dry run depends on are the same. */
export function isSameForTrials(one, other) {
  return ["metric", ...NUMBERS.slice(0, 3)].every((name) => one[name] === other[name]);
}
