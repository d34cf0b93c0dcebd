// One command for one machine: a fresh token is made here, the wallet signs that it may mine for the account, and the
// page waits until a worker has used it. Only the token's public key is sent anywhere.
import { read, send } from "../wallet/client.js";
import { config } from "../wallet/config.js";
import { workerKeyBytes } from "../wallet/delegation.js";
import { busy, complain, element, hash, since, state } from "../wallet/dom.js";
import { requireUnlocked, session } from "../wallet/session.js";
import { publicKey } from "../wallet/signer.js";
import { toHex } from "../verify/bytes.js";

const DAY = 86400;
const LOOK_EVERY = 1500; // milliseconds
const UNKNOWN_WORKER = 1030;
const find = (selector) => document.querySelector(selector);
const { site, wheel } = find("[data-join]").dataset;
const form = find("[data-gate=form]");
const problem = find("#join-problem");
let isShown = false; // the command, which must not go away by itself
let looking = null;

function openGate(name) {
  for (const gate of document.querySelectorAll("[data-gate]")) gate.hidden = gate.dataset.gate !== name;
}

function draw() {
  if (isShown) return;
  if (session.state === "none") return openGate("none");
  if (session.current.source === "watch") return openGate("watching");
  find("[data-address]").replaceChildren(hash(session.current.address));
  openGate("form");
}

async function make(event) {
  event.preventDefault();
  complain(problem, null);
  try {
    const token = await busy(form, register);
    show(token);
  } catch (error) {
    complain(problem, error);
  }
}

async function register() {
  const label = find("#join-name").value.trim();
  if (!label) throw new Error("Give the machine a name, so that you know it again.");
  const signer = await requireUnlocked();
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const key = await publicKey(secret);
  const created = Math.floor(Date.now() / 1000);
  const expires = created + DAY * Number(find("#join-days").value);
  const statement = { network: config.network, key: signer.publicKey, worker: key, label, created, expires };
  await send("POST", "/api/v1/wallet/worker-keys", { statement, signature: await signer.sign(workerKeyBytes(statement)) });
  return { key, text: toHex(secret), label };
}

function show({ key, text, label }) {
  isShown = true;
  const name = `'${label.replaceAll(/[^\p{L}\p{N} ._-]/gu, "")}'`;
  find("[data-command]").textContent = `python3 -m pip install ${wheel} && coinai-worker join ${site} --name ${name} --token ${text}`;
  openGate("command");
  find("[data-command-title]").focus();
  steps([["waiting", "hourglass", "waiting for your worker …"]]);
  clearInterval(looking);
  looking = setInterval(() => look(key), LOOK_EVERY);
}

async function look(key) {
  let worker;
  try {
    worker = await read(`/api/v1/pool/workers/${key}`);
  } catch (error) {
    if (error.code !== UNKNOWN_WORKER) steps([["stale", "alert-triangle", `The site does not answer well: ${error.message}`]]);
    return;
  }
  const isHere = worker.seen !== null;
  steps([
    ["accepted", "circle-check", "joined", `${worker.name} (${worker.device})`],
    isHere ? ["accepted", "circle-check", worker.state === "online" ? "connected" : "was connected", since(worker.seen)] : ["waiting", "hourglass", "waiting for its connection …"],
    worker.first_lease ? ["accepted", "circle-check", "has its first lease", since(worker.first_lease)] : ["waiting", "hourglass", "waiting for its first lease …"],
    worker.trainings ? ["accepted", "circle-check", "trains", `${worker.trainings} networks so far`] : ["waiting", "hourglass", "waiting for its first network …"],
  ]);
}

let drawn = "";
function steps(rows) {
  const text = JSON.stringify(rows.map((row) => [...row.slice(0, 3), String(row[3]?.textContent ?? row[3] ?? "")]));
  if (text === drawn) return;
  drawn = text;
  find("[data-steps]").replaceChildren(...rows.map(([colour, sign, words, more]) => element("li", {}, state(colour, sign, words), more ? element("span", { class: "quiet" }, more) : null)));
}

async function copy(event) {
  const words = event.currentTarget.querySelector("span");
  try {
    await navigator.clipboard.writeText(find("[data-command]").textContent);
    words.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(find("[data-command]")); // not a secure page: copy by hand
    words.textContent = "Selected: copy it";
  }
}

function again() {
  clearInterval(looking);
  isShown = false;
  find("[data-command]").textContent = "";
  form.reset();
  draw();
}

form.addEventListener("submit", make);
find("[data-copy-command]").addEventListener("click", copy);
find("[data-again]").addEventListener("click", again);
session.addEventListener("change", draw);
session.ready.then(draw, (error) => {
  openGate("form");
  complain(problem, error);
});
