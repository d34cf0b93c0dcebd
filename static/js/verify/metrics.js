// The error in parts per million (protocol, section 6.4), exactly; and what is known of it before all is predicted.
import { require } from "./refused.js";

const PPM = 1000000n;

function ceil(numerator, denominator) {
  return (numerator + denominator - 1n) / denominator;
}

/** Counts by class of true label: [{total, right, wrong}]; an example without prediction (-1) is neither. */
export function countByClass(labels, predictions, classes) {
  const counts = Array.from({ length: classes }, () => ({ total: 0, right: 0, wrong: 0 }));
  labels.forEach((label, i) => {
    counts[label].total += 1;
    if (predictions[i] >= 0) counts[label][predictions[i] === label ? "right" : "wrong"] += 1;
  });
  return counts;
}

function errorFrom(metric, rows) {
  const total = rows.reduce((sum, row) => sum + row.total, 0);
  const least = ceil(PPM, 2n * BigInt(total));
  const error = metric === "accuracy" ? accuracyError(rows, total) : balancedError(rows);
  return Number(error > least ? error : least);
}

function accuracyError(rows, total) {
  return ceil(PPM * BigInt(rows.reduce((sum, row) => sum + row.wrong, 0)), BigInt(total));
}

// The mean over the classes present of 10^6 * wrong / total, as one fraction.
function balancedError(rows) {
  const present = rows.filter((row) => row.total > 0);
  let [numerator, denominator] = [0n, 1n];
  for (const { wrong, total } of present) {
    numerator = numerator * BigInt(total) + PPM * BigInt(wrong) * denominator;
    denominator *= BigInt(total);
  }
  return ceil(numerator, denominator * BigInt(present.length));
}

/** The error of predictions for all examples. */
export function errorOf(metric, labels, predictions, classes) {
  require(metric === "accuracy" || metric === "balanced_accuracy", `The metric “${metric}” is not known.`);
  return errorFrom(metric, countByClass(labels, predictions, classes));
}

/** {least, most}: the errors still possible when all that is not predicted yet turns out right, or wrong. */
export function errorBounds(metric, counts) {
  const most = counts.map(({ total, right }) => ({ total, wrong: total - right }));
  return { least: errorFrom(metric, counts), most: errorFrom(metric, most) };
}
