// Where the check gets its bytes: the public API of a node, nothing else.

/** Something could not be had, so nothing can be said; by the protocol a block is then undecided, not invalid. */
export class Missing extends Error {
  name = "Missing";
}

export class Source {
  #signal;
  #fetched = new Map();

  constructor(signal) {
    this.#signal = signal;
  }

  /** The bytes of a block. */
  block(hash) {
    return this.#once(`/api/v1/blocks/${hash}/raw`, `block ${hash}`, {});
  }

  /** The bytes of an object; gives up above `limit` bytes. `tell(share)` hears of the progress. */
  object(id, what, options) {
    return this.#once(`/api/v1/objects/${id}`, what, options);
  }

  /** A JSON document of the API. */
  async json(name) {
    const bytes = await this.#once(`/api/v1/${name}`, name, {});
    try {
      return JSON.parse(new TextDecoder().decode(bytes));
    } catch {
      throw new Missing(`The server's answer for ${name} is no JSON.`);
    }
  }

  // Failures are not kept, so that a second try asks again.
  #once(path, what, options) {
    if (!this.#fetched.has(path)) {
      const bytes = this.#fetch(path, what, options);
      bytes.catch(() => this.#fetched.delete(path));
      this.#fetched.set(path, bytes);
    }
    return this.#fetched.get(path);
  }

  async #fetch(path, what, { limit = Infinity, tell = () => {} }) {
    let response;
    try {
      response = await fetch(path, { signal: this.#signal });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Missing(`The server did not answer for the ${what}.`);
    }
    if (!response.ok) throw new Missing(`The server does not give out the ${what} (status ${response.status}).`);
    return this.#read(response, what, limit, tell);
  }

  async #read(response, what, limit, tell) {
    const pieces = [];
    let length = 0;
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await this.#next(reader, what);
      if (done) break;
      pieces.push(value);
      length += value.length;
      // One byte too many is enough to see that it is another object.
      if (length > limit) {
        await reader.cancel();
        break;
      }
      if (Number.isFinite(limit)) tell(length / limit);
    }
    const whole = new Uint8Array(length);
    pieces.reduce((at, piece) => (whole.set(piece, at), at + piece.length), 0);
    return whole;
  }

  async #next(reader, what) {
    try {
      return await reader.read();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Missing(`The connection broke while the ${what} came.`);
    }
  }
}
