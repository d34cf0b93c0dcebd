// Quality, threshold and weight (protocol, section 5), in millibits.
const SCALE = 10n ** 6000n;

/** The quality of an error in parts per million: the largest q with error^1000 * 2^q <= 10^6000. */
export function qualityOf(error) {
  return (SCALE / BigInt(error) ** 1000n).toString(2).length - 1;
}

/** The threshold of a round. From `stallRounds` on, floor and opening are 0. */
export function thresholdOf({ floor, opening, round, fall, stallRounds }) {
  return round >= stallRounds ? 0 : Math.max(floor, opening - round * fall);
}

/** The threshold with which the rounds on a parent open. The genesis block worked on no problem. */
export function openingOf({ parent, problem, floor, raise }) {
  return parent.height > 0 && parent.problem === problem ? parent.threshold + raise : floor;
}

/** What a block adds to the work of its chain; one that came too late weighs 1 for a while. */
export function weightOf(threshold, isLate = false) {
  return isLate ? 1 : threshold + 1;
}
