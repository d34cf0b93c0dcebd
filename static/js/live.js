// The live connection: topics with a snapshot, then numbered deltas. A gap in the numbers, a lost connection, a laptop
// that wakes up: each ends in asking for what was missed, or a fresh snapshot where that is not known any more, so a page
// that stays open shows the truth without a reload. The messages are described in docs/live.md.

const SILENCE = 45000; // the server speaks at least every 20 seconds
const PATIENCE = 5000; // an answer to a question takes milliseconds
const LONGEST_PAUSE = 15000;
const TOO_SLOW = 4008; // the server cuts off who does not read what it sends

class Live extends EventTarget {
  #topics = new Map(); // name -> {sequence, isWaiting, handlers}
  #socket = null;
  #failures = 0;
  #timer = null;
  #offset = 0;
  #asked = 0;
  state = "connecting";
  lastMessage = null;

  constructor() {
    super();
    document.addEventListener("visibilitychange", () => document.hidden || this.#wake());
    addEventListener("online", () => this.#wake());
    addEventListener("pageshow", (event) => event.persisted && this.#wake());
    setInterval(() => this.#watch(), 2000);
  }

  /** Call `snapshot` with the whole state of the topic (again after each gap) and `delta` with each change. */
  subscribe(topic, { snapshot, delta }) {
    const known = this.#topics.get(topic);
    if (known) {
      known.handlers.push({ snapshot, delta });
      known.sequence = null; // the new handler needs a snapshot
    } else {
      this.#topics.set(topic, { sequence: null, isWaiting: true, handlers: [{ snapshot, delta }] });
    }
    if (this.#socket?.readyState === WebSocket.OPEN) this.#ask([topic]);
    else if (!this.#socket && !this.#timer) this.#timer = setTimeout(() => this.#connect(), 0);
  }

  /** Unix time in seconds as the server has it. */
  now() {
    return Date.now() / 1000 + this.#offset;
  }

  /** The server says what time it is. */
  setTime(unix) {
    const offset = unix - Date.now() / 1000;
    if (Math.abs(offset - this.#offset) > 0.5) this.#offset = offset;
  }

  #connect() {
    clearTimeout(this.#timer);
    this.#timer = null;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws/live/`);
    this.#socket = socket;
    socket.onopen = () => {
      this.lastMessage ??= Date.now();
      this.#ask([...this.#topics.keys()]);
    };
    socket.onmessage = (event) => this.#receive(JSON.parse(event.data));
    socket.onclose = (event) => this.#lost(socket, event.code);
  }

  #ask(names) {
    const since = {};
    for (const name of names) {
      const topic = this.#topics.get(name);
      topic.isWaiting = true;
      if (topic.sequence !== null) since[name] = topic.sequence;
    }
    this.#asked = Date.now();
    this.#socket.send(JSON.stringify({ subscribe: names, since }));
  }

  #receive(message) {
    this.lastMessage = Date.now();
    this.#failures = 0;
    if (typeof message.time === "number") this.setTime(message.time);
    const topic = this.#topics.get(message.topic);
    if (topic && message.error) {
      topic.isWaiting = false; // the server has no such topic
    } else if (topic && "snapshot" in message) {
      topic.sequence = message.sequence;
      topic.isWaiting = false;
      for (const handler of topic.handlers) handler.snapshot(message.snapshot);
    } else if (topic && topic.sequence !== null && !this.#advance(topic, message)) {
      this.#ask([message.topic]);
      this.#say("behind");
      return;
    }
    this.#say("live");
  }

  /** Apply the deltas of a message; false when something is missing between them and what is known. */
  #advance(topic, message) {
    const after = message.after ?? message.sequence - 1;
    if (after > topic.sequence) return false;
    topic.isWaiting = false;
    if (message.sequence <= topic.sequence) return true;
    if (after < topic.sequence) {
      topic.sequence = null; // put together with deltas that are known: only a snapshot tells them apart
      return false;
    }
    topic.sequence = message.sequence;
    for (const delta of message.deltas ?? [message.delta]) {
      for (const handler of topic.handlers) handler.delta(delta);
    }
    return true;
  }

  #lost(socket, code) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    this.#say("reconnecting");
    const least = code === TOO_SLOW ? LONGEST_PAUSE : 500 * 2 ** this.#failures;
    const pause = Math.min(LONGEST_PAUSE, least) * (0.75 + Math.random() / 2);
    this.#failures += 1;
    this.#timer = setTimeout(() => this.#connect(), pause);
  }

  #restart() {
    const old = this.#socket;
    this.#socket = null;
    this.lastMessage = Date.now();
    old?.close();
    this.#connect();
  }

  #wake() {
    if (!this.#topics.size) return;
    if (this.#socket?.readyState === WebSocket.OPEN && Date.now() - this.lastMessage < SILENCE) {
      this.#ask([...this.#topics.keys()]);
    } else if (this.#socket?.readyState !== WebSocket.CONNECTING) {
      this.#restart();
    }
  }

  // A connection may be dead without a word: nothing for too long, or no answer to a question.
  #watch() {
    if (this.#socket?.readyState !== WebSocket.OPEN || document.hidden) return;
    const isWaiting = this.#isWaiting();
    const isSilent = Date.now() - this.lastMessage > SILENCE;
    if (isSilent || (isWaiting && Date.now() - this.#asked > PATIENCE)) {
      this.#say("reconnecting");
      this.#restart();
    }
  }

  #isWaiting() {
    return [...this.#topics.values()].some((topic) => topic.isWaiting);
  }

  #say(state) {
    if (state === "live" && this.#isWaiting()) return;
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}

export const live = new Live();
