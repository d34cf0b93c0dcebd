// A file on its way to the site, in pieces: it can be paused, goes on after a lost connection, and tells how fast it is.
import * as client from "./upload_client.js";

const FIRST_PIECE = 256 * 1024;
const GOOD_SECONDS = 1.5; // pieces grow or shrink until one takes about this long
const WAITS = [1, 2, 4, 8, 15]; // seconds before the next try after a lost connection
const WRONG_OFFSET = 1311;
const CUT_SHORT = 1314;
const SMOOTH = 0.4; // weight of the last piece in the speed

/** Says "change" while it goes; `state` is sending, paused, waiting (for the connection), done or refused. */
export class Uploader extends EventTarget {
  #file;
  #upload;
  #size = FIRST_PIECE;
  #abort = null;
  #failures = 0;
  #timer = null;
  state = "paused";
  speed = 0; // bytes a second
  problem = null;

  /** `upload` is the site's state of it with `token`; the file's bytes from `upload.received` on are to be sent. */
  constructor(file, upload) {
    super();
    this.#file = file;
    this.#upload = upload;
    this.online = () => this.state === "waiting" && this.start();
    addEventListener("online", this.online);
  }

  get sent() {
    return this.#upload.received;
  }

  get total() {
    return this.#file.size;
  }

  get left() {
    return this.speed > 0 ? (this.total - this.sent) / this.speed : null;
  }

  /** Go on. */
  async start() {
    if (this.state === "sending") return;
    clearTimeout(this.#timer);
    this.#tell("sending");
    this.#abort = new AbortController();
    try {
      while (this.sent < this.total) await this.#sendOne();
      removeEventListener("online", this.online);
      this.#tell("done");
    } catch (error) {
      this.#stumble(error);
    }
  }

  /** Stop after what has arrived; start goes on. */
  pause() {
    clearTimeout(this.#timer);
    this.#tell("paused");
    this.#abort?.abort();
  }

  /** Forget it. */
  end() {
    this.pause();
    removeEventListener("online", this.online);
  }

  async #sendOne() {
    const offset = this.sent;
    const piece = this.#file.slice(offset, Math.min(this.total, offset + this.#size));
    const began = performance.now();
    try {
      this.#take(await client.sendPiece(this.#upload, offset, piece, this.#abort.signal));
    } catch (error) {
      if (error.code !== WRONG_OFFSET && error.code !== CUT_SHORT) throw error;
      this.#take(await client.readState(this.#upload)); // the site knows better how much has arrived
      return;
    }
    this.#failures = 0;
    const seconds = Math.max(0.001, (performance.now() - began) / 1000);
    const speed = (this.sent - offset) / seconds;
    this.speed = this.speed ? SMOOTH * speed + (1 - SMOOTH) * this.speed : speed;
    const factor = Math.min(4, Math.max(0.25, GOOD_SECONDS / seconds));
    this.#size = Math.min(this.#upload.piece_bytes, Math.max(64 * 1024, Math.round(this.#size * factor)));
    this.#tell(this.state);
  }

  #take(state) {
    this.#upload = { ...this.#upload, received: state.received };
  }

  #stumble(error) {
    if (error.name === "AbortError") return;
    this.speed = 0;
    const isPassing = error instanceof client.Offline || error.status === 429 || error.status >= 500;
    if (!isPassing || error.code === 1313) {
      this.problem = error;
      this.#tell("refused");
      return;
    }
    const seconds = error.wait || WAITS[Math.min(this.#failures, WAITS.length - 1)];
    this.#failures += 1;
    this.#tell("waiting");
    this.#timer = setTimeout(() => this.start(), 1000 * seconds);
  }

  #tell(state) {
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}
