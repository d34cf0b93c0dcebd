// What the steps of a check share: what is known so far, and the words of their results.
import { group } from "../format.js";
import { objectId } from "./merkle.js";
import { require } from "./refused.js";

const SMALL = 2 ** 17; // bytes that are hashed at once, without a worker
const LIMITS = { automaticMacs: 6e9, sampleMacs: 1e9 };

/**
 * Filled by one step, read by the next ones. `limits`: `automaticMacs`, up to which the whole validation set is
 * evaluated without asking, and `sampleMacs`, about what a sample takes.
 */
export class Session {
  constructor({ hash, source, pool, limits = {} }) {
    this.hash = hash;
    this.source = source;
    this.pool = pool;
    this.limits = { ...LIMITS, ...limits };
  }

  /** Refuses bytes that have another object id than `id`; returns it. */
  async identify(bytes, id, what, tell) {
    const found = bytes.length < SMALL ? objectId(bytes) : await this.pool.run("identify", { bytes }, { tell });
    require(found === id, () => `The ${what} that came has the object id ${found}, not ${id}.`);
    return found;
  }
}

/** 1234 base units -> "0.00001234 CAI". */
export function coins(amount) {
  const text = (amount / 1e8).toLocaleString("en", { maximumFractionDigits: 8 });
  return `${text.replaceAll(",", "\u202f")} CAI`;
}

/** 2250 millibits -> "2.250 bits". */
export function bits(millibits) {
  return `${(millibits / 1000).toFixed(3)} bits`;
}

/** (2, "layer") -> "2 layers". */
export function many(count, word) {
  return `${group(count)} ${word}${count === 1 ? "" : "s"}`;
}
