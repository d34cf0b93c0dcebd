// Running a model over the validation set: in a random order, in all workers, until all is predicted, a sample is
// done, or the claimed error can no longer be true.
import { countByClass, errorBounds } from "./metrics.js";

const CHUNK_MACS = 5e7; // one job of a worker: some tens of milliseconds

/** The numbers 0 to count - 1 in a random order. */
export function shuffle(count) {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  const random = new Uint32Array(1);
  for (let i = count - 1; i > 0; i--) {
    crypto.getRandomValues(random);
    const j = random[0] % (i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

export class Evaluation {
  #network;
  #problem;
  #data;
  #claimed;
  #order;
  #predictions;
  #sent = 0;
  #inputs;

  constructor({ network, problem, data, claimed }) {
    this.#network = network;
    this.#problem = problem;
    this.#data = data;
    this.#claimed = claimed;
    this.#order = shuffle(problem.validation);
    this.#predictions = new Int32Array(problem.validation).fill(-1);
    this.#inputs = problem.shape.reduce((product, side) => product * side, 1);
  }

  /** {total, done, wrong, least, most, isImpossible}: what is known so far; least and most bound the error. */
  get standing() {
    const { metric, classes, validation } = this.#problem;
    const counts = countByClass(this.#data.labels, this.#predictions, classes);
    const sum = (field) => counts.reduce((total, row) => total + row[field], 0);
    const bounds = errorBounds(metric, counts);
    const wrong = sum("wrong");
    const isImpossible = this.#claimed < bounds.least || this.#claimed > bounds.most;
    return { total: validation, done: sum("right") + wrong, wrong, ...bounds, isImpossible };
  }

  /** Predict until `until` examples are done; goes on where it stopped. `tell(standing)` hears of every job. */
  async run(pool, until, tell) {
    let standing = this.standing;
    const size = Math.max(1, Math.round(CHUNK_MACS / this.#network.macs));
    const next = () => {
      const indices = this.#order.slice(this.#sent, Math.min(until, this.#sent + size));
      if (!indices.length || standing.isImpossible) return null;
      this.#sent += indices.length;
      const pixels = this.#gather(indices);
      return { payload: { pixels }, transfer: [pixels.buffer], indices };
    };
    await pool.share("predict", next, ({ indices }, classes) => {
      classes.forEach((predicted, i) => (this.#predictions[indices[i]] = predicted));
      standing = this.standing;
      tell(standing);
    });
    return standing;
  }

  #gather(indices) {
    const pixels = new Uint8Array(indices.length * this.#inputs);
    indices.forEach((index, i) => {
      pixels.set(this.#data.pixels.subarray(index * this.#inputs, (index + 1) * this.#inputs), i * this.#inputs);
    });
    return pixels;
  }
}
