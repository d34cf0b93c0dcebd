// The first step: a file is chosen or dropped, and goes to the site.
import { duration } from "../format.js";
import { complain, state } from "../wallet/dom.js";
import * as client from "./upload_client.js";
import { Uploader } from "./uploader.js";
import { bytes } from "./words.js";

const STATES = {
  sending: ["waiting", "upload", "sending"],
  paused: ["stale", "player-pause", "paused"],
  waiting: ["waiting", "wifi-off", "waiting for the connection"],
  done: ["accepted", "circle-check", "here"],
  refused: ["refused", "circle-x", "refused"],
};
const HEAD = 65536; // bytes of a table in which its first line is looked for

/** Says "chosen" (with `file`), "complete", "refused", and "progress". `find` looks within the page's root. */
export class FileStep extends EventTarget {
  #find;
  #maxBytes;
  #uploader = null;
  file = null;
  columns = [];

  constructor(find, maxBytes) {
    super();
    this.#find = find;
    this.#maxBytes = maxBytes;
    this.#listen();
  }

  #listen() {
    const drop = this.#find("[data-drop]");
    this.#find("[data-file]").addEventListener("change", (event) => this.choose(event.target.files[0]));
    for (const name of ["dragenter", "dragover"]) {
      drop.addEventListener(name, (event) => {
        event.preventDefault();
        drop.toggleAttribute("data-over", true);
      });
    }
    for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.removeAttribute("data-over"));
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      this.choose(event.dataTransfer.files[0]);
    });
    this.#find("[data-pause]").addEventListener("click", () => this.#uploader?.pause());
    this.#find("[data-resume]").addEventListener("click", () => this.#uploader?.start());
    this.#find("[data-again-file]").addEventListener("change", (event) => this.#goOn(event.target.files[0]));
  }

  /** Take a file, if it can be one. */
  choose(file) {
    if (!file) return;
    const problem = file.size === 0 ? "The file is empty." : file.size > this.#maxBytes ? `The file has ${bytes(file.size)}; at most ${bytes(this.#maxBytes)} are taken here. Send fewer examples or smaller pictures.` : null;
    complain(this.#find('[data-problem="file"]'), problem);
    this.#find("[data-file]").value = "";
    if (problem) return;
    this.file = file;
    this.dispatchEvent(new Event("chosen"));
  }

  /** Send the file's rest as `upload`. */
  send(upload) {
    this.#uploader?.end();
    this.#readColumns();
    this.#uploader = new Uploader(this.file, upload);
    this.#uploader.addEventListener("change", () => this.#show());
    this.#uploader.start();
  }

  /** Show an upload whose file is not in this page: where it stands, and how to go on. */
  recall(upload) {
    this.#show({ state: upload.received < upload.bytes ? "paused" : "done", sent: upload.received, total: upload.bytes, speed: 0, left: null });
    this.#name(upload.filename, upload.bytes);
    this.#find("[data-resume]").hidden = true;
    this.#find("[data-again]").hidden = upload.received >= upload.bytes;
    this.recalled = upload;
  }

  /** Back to the choice of a file. */
  reset() {
    this.#uploader?.end();
    this.#uploader = null;
    this.recalled = null;
    this.#find("[data-choose]").hidden = false;
    this.#find("[data-upload]").hidden = true;
    this.#find("[data-again]").hidden = true;
  }

  async #goOn(file) {
    const upload = this.recalled;
    if (!file || !upload) return;
    const isSame = file.name === upload.filename && file.size === upload.bytes;
    complain(this.#find('[data-problem="file"]'), isSame ? null : `That is another file: ${upload.filename} with ${bytes(upload.bytes)} was begun.`);
    if (!isSame) return;
    this.#find("[data-again]").hidden = true;
    this.file = file;
    this.send(upload);
  }

  // The names of a table's columns, read here, so that the class can be chosen while the file is on its way.
  async #readColumns() {
    this.columns = [];
    const head = new Uint8Array(await this.file.slice(0, HEAD).arrayBuffer());
    if (head[0] === 0x50 || head.includes(0)) return; // zip, Parquet or anything that is no text
    const line = new TextDecoder().decode(head).replace(/^\ufeff/, "").split(/\r?\n/, 1)[0];
    const separator = [",", ";", "\t", "|"].reduce((best, one) => (line.split(one).length > line.split(best).length ? one : best));
    this.columns = line.split(separator).map((name) => name.trim().replace(/^"(.*)"$/, "$1")).filter(Boolean);
    this.dispatchEvent(new Event("columns"));
  }

  #name(name, size) {
    this.#find("[data-name]").textContent = name;
    this.#find("[data-size]").textContent = bytes(size);
  }

  #show(uploader = this.#uploader) {
    this.#find("[data-choose]").hidden = true;
    this.#find("[data-upload]").hidden = false;
    if (this.file) this.#name(this.file.name, this.file.size);
    this.#find("[data-upload-state]").replaceChildren(state(...STATES[uploader.state]));
    const bar = this.#find("[data-progress]");
    bar.value = uploader.total ? uploader.sent / uploader.total : 1;
    bar.hidden = uploader.state === "done";
    this.#find("[data-upload-words]").textContent = this.#words(uploader);
    this.#find("[data-pause]").hidden = !["sending", "waiting"].includes(uploader.state);
    this.#find("[data-resume]").hidden = !["paused", "waiting"].includes(uploader.state);
    complain(this.#find('[data-problem="file"]'), uploader.problem ? refusal(uploader.problem) : null);
    if (uploader === this.#uploader && uploader.state === "done") this.dispatchEvent(new Event("complete"));
    if (uploader === this.#uploader && uploader.state === "refused") this.dispatchEvent(new Event("refused"));
  }

  #words({ state: now, sent, total, speed, left }) {
    if (now === "done") return "All of it has arrived.";
    const parts = [`${bytes(sent)} of ${bytes(total)}`];
    if (speed) parts.push(`${bytes(Math.round(speed))} a second`);
    if (left !== null && now === "sending") parts.push(`${duration(left)} left`);
    if (now === "waiting") parts.push("it goes on by itself as soon as the site answers");
    return parts.join(", ");
  }
}

/** A refusal with the way out beside it. */
export function refusal({ code, message, detail }) {
  return { code, message: [detail || message, client.wayOut(code)].filter(Boolean).join(" ") };
}
