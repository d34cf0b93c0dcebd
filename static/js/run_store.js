// The trainings that the page knows, kept in the order in which they began.

export const ACTIVE = new Set(["training", "scoring"]);

export class RunStore {
  #runs = new Map();

  /** Replace everything by a snapshot's runs. */
  reset(runs) {
    this.#runs = new Map(runs.map((run) => [run.id, { ...run, curve: run.curve ?? [] }]));
  }

  /** Apply one delta; applying it twice changes nothing. Returns the run. */
  apply({ run, points }) {
    const known = this.#runs.get(run.id) ?? { curve: [] };
    const curve = known.curve;
    for (const point of points ?? []) {
      if (!curve.length || point[0] > curve.at(-1)[0]) curve.push(point);
    }
    const merged = { ...known, ...run, curve };
    this.#runs.set(run.id, merged);
    return merged;
  }

  /** Forget what ended, or began before the last block. */
  forgetBefore(unix) {
    for (const [id, run] of this.#runs) {
      if (!ACTIVE.has(run.state) && run.started < unix) this.#runs.delete(id);
    }
  }

  get(id) {
    return this.#runs.get(id);
  }

  all() {
    return [...this.#runs.values()].sort((a, b) => a.started - b.started);
  }

  active() {
    return this.all().filter((run) => ACTIVE.has(run.state));
  }
}

/** A run for the picture of the round: its errors over seconds since the last block. */
export function toPictureRun(run, parentTimestamp) {
  const shift = run.started - parentTimestamp;
  const curve = run.curve.filter((point) => point[3] !== null).map((point) => [point[0] + shift, point[3]]);
  return { id: run.id, nonce: run.nonce, state: run.state, text: run.text, curve: curve.filter(([x]) => x >= 0) };
}
