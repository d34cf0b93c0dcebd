// Where things lie in the picture of a round: x is seconds since the last block, y is quality in millibits.

const ERRORS = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1, 0.07, 0.05, 0.04, 0.03, 0.02, 0.015, 0.01,
  0.007, 0.005, 0.003, 0.002, 0.001, 0.0005, 0.0002, 0.0001].map((error) => error * 1e6);
const PREFERRED = new Set([0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001].map((error) => error * 1e6));
const SPANS = [6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256, 384, 512];

/** Threshold in millibits of round number `r`: it falls from the opening to the floor. */
export function threshold(round, r) {
  return Math.max(round.floor, round.opening - r * round.fall);
}

/** The first round, from `from` on, whose threshold this quality meets; null when it is below the floor. */
export function firstRound(round, quality, from = 0) {
  if (quality < round.floor) return null;
  return Math.max(from, Math.ceil((round.opening - quality) / Math.max(1, round.fall)), 0);
}

/** How many rounds the picture spans, in coarse steps, so that it changes seldom. */
export function spanOfRounds(needed) {
  return SPANS.find((span) => span >= needed) ?? 2 ** Math.ceil(Math.log2(needed));
}

/** Lowest and highest quality shown. */
export function verticalRange(round, span, qualities) {
  const best = qualities.length ? Math.max(...qualities) : 0;
  const lowestStep = threshold(round, span - 1);
  const top = Math.max(threshold(round, 0), best) + 320;
  const bottom = Math.max(0, Math.min(round.floor, lowestStep) - 620);
  return [bottom, Math.max(top, bottom + 1500)];
}

/** Horizontal lines: errors in parts per million, so far apart that their labels do not touch. */
export function errorTicks(low, high, y, gap) {
  const inside = ERRORS.map((error) => ({ error, quality: 1000 * Math.log2(1e6 / error) })).filter(
    (tick) => tick.quality >= low && tick.quality <= high,
  );
  inside.sort((a, b) => PREFERRED.has(b.error) - PREFERRED.has(a.error));
  const kept = [];
  for (const tick of inside) {
    if (kept.every((other) => Math.abs(y(other.quality) - y(tick.quality)) >= gap)) kept.push(tick);
  }
  return kept;
}

/** Vertical lines: seconds at ends of rounds, so far apart that their labels do not touch. */
export function roundTicks(span, roundSeconds, width, gap) {
  const every = [1, 2, 3, 4, 5, 6, 10, 12, 20, 30, 60, 120].find((step) => (width / span) * step >= gap) ?? Math.ceil(span / 4);
  const ticks = [];
  for (let r = 0; r <= span; r += every) ticks.push({ round: r, seconds: r * roundSeconds });
  return ticks;
}

/** Corners of the staircase from second `from` to second `to`, as [seconds, quality]. */
export function staircase(round, from, to) {
  const points = [];
  const size = round.round_seconds;
  const last = Math.ceil(to / size);
  for (let r = Math.floor(from / size); r < last; r += 1) {
    const level = threshold(round, r);
    points.push([Math.max(from, r * size), level]);
    if (level === round.floor) {
      points.push([to, level]);
      break;
    }
    points.push([Math.min(to, (r + 1) * size), level]);
  }
  return points;
}

/** The value of a curve [[seconds, quality]…] at a moment; null outside of it. */
export function valueAt(points, seconds) {
  if (!points.length || seconds < points[0][0] || seconds > points.at(-1)[0]) return null;
  let low = 0;
  let high = points.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (points[middle][0] <= seconds) low = middle;
    else high = middle;
  }
  const [x0, y0] = points[low];
  const [x1, y1] = points[high];
  return x1 === x0 ? y1 : y0 + ((y1 - y0) * (seconds - x0)) / (x1 - x0);
}
