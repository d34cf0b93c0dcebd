// A whole check of one block: runs the steps in order and tells what becomes of each.
import { Pool } from "./pool.js";
import { Refused } from "./refused.js";
import { Missing, Source } from "./source.js";
import { Session } from "./session.js";
import { stepsFor } from "./steps.js";

/**
 * The states of a step: "waiting", "running", "passed", "failed" (a rule is broken), "sampled" (passed as far as it
 * went), "missing" (something could not be had), "skipped" (an earlier step that it needs did not pass).
 */
export class Check {
  #tell;
  #abort = new AbortController();
  #pool = new Pool();
  #session;
  #states = new Map();

  /** `tell(id, {state, says, rows, share, milliseconds, isOpen})` hears of every change of a step; `limits` as in Session. */
  constructor(hash, height, tell, limits = {}) {
    this.#tell = tell;
    this.steps = stepsFor(height);
    this.#session = new Session({ hash, source: new Source(this.#abort.signal), pool: this.#pool, limits });
  }

  /** The state of a step, by its id. */
  stateOf(id) {
    return this.#states.get(id) ?? "waiting";
  }

  /** Run all steps. Rejects with AbortError when it was stopped. */
  async run() {
    for (const step of this.steps) await this.#runStep(step);
  }

  /** Go on with a step that was done on a sample, to its end. */
  async complete(id) {
    await this.#runStep(
      this.steps.find((step) => step.id === id),
      true,
    );
  }

  /** Stop at once and let go of the workers. */
  stop() {
    this.#abort.abort();
    this.#pool.stop();
  }

  /** Let go of the workers; `complete` cannot be called after this. */
  close() {
    this.#pool.stop();
  }

  #set(id, change) {
    if (change.state) this.#states.set(id, change.state);
    this.#tell(id, change);
  }

  async #runStep(step, isWhole = false) {
    const broken = step.needs.find((id) => this.stateOf(id) !== "passed");
    if (broken) {
      const { title } = this.steps.find(({ id }) => id === broken);
      this.#set(step.id, { state: "skipped", says: `Not reached: it needs “${title}”.` });
      return;
    }
    this.#set(step.id, { state: "running", share: 0 });
    const begin = performance.now();
    const tell = (share, says) => this.#set(step.id, { share, says });
    const outcome = await this.#outcomeOf(() => step.run(this.#session, tell, isWhole));
    this.#set(step.id, { ...outcome, milliseconds: performance.now() - begin });
  }

  async #outcomeOf(run) {
    try {
      const { says, rows, isOpen } = await run();
      return { state: isOpen ? "sampled" : "passed", says, rows, isOpen };
    } catch (error) {
      if (this.#abort.signal.aborted) throw new DOMException("Stopped.", "AbortError");
      if (error instanceof Refused) return { state: "failed", says: error.message };
      if (error instanceof Missing) return { state: "missing", says: error.message };
      // The page itself is at fault: nothing can be said about the block.
      console.error(error);
      return { state: "missing", says: `This page could not do the step: ${error.message}` };
    }
  }
}
