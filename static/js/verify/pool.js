// A few workers, each of which does one task after another.
import { Refused } from "./refused.js";

const MAX_WORKERS = 8;

class Member {
  #worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  #waiting = new Map();
  #next = 0;

  constructor() {
    this.#worker.addEventListener("message", ({ data }) => this.#hear(data));
    this.#worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.#fail(new Error(`A worker of the page stopped: ${event.message || "it could not be loaded"}.`));
    });
  }

  #hear({ id, share, result, refused, failed }) {
    const { resolve, reject, tell } = this.#waiting.get(id);
    if (share !== undefined) {
      tell(share);
      return;
    }
    this.#waiting.delete(id);
    if (refused !== undefined) reject(new Refused(refused));
    else if (failed !== undefined) reject(new Error(failed));
    else resolve(result);
  }

  #fail(error) {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  run(task, payload, { tell = () => {}, transfer = [] } = {}) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, tell });
      this.#worker.postMessage({ id, task, payload }, transfer);
    });
  }

  stop() {
    this.#worker.terminate();
    this.#fail(new DOMException("Stopped.", "AbortError"));
  }
}

export class Pool {
  #members = [];

  /** How many workers are used when all are. */
  get size() {
    return Math.max(1, Math.min(MAX_WORKERS, navigator.hardwareConcurrency || 1));
  }

  #member(i) {
    this.#members[i] ??= new Member();
    return this.#members[i];
  }

  /** Do one task in the first worker. */
  run(task, payload, options) {
    return this.#member(0).run(task, payload, options);
  }

  /** Do the same task once in every worker. */
  runEverywhere(task, payload) {
    return Promise.all(Array.from({ length: this.size }, (_, i) => this.#member(i).run(task, payload)));
  }

  /** Each worker asks `next()` for {payload, transfer} until there is none, and gives the results to `take`. */
  async share(task, next, take) {
    const work = async (i) => {
      for (let job = next(); job; job = next())
        take(job, await this.#member(i).run(task, job.payload, { transfer: job.transfer }));
    };
    await Promise.all(Array.from({ length: this.size }, (_, i) => work(i)));
  }

  stop() {
    for (const member of this.#members) member?.stop();
    this.#members = [];
  }
}
