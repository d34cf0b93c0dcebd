// Worker keys of the account in use: sign that one may mine for it, see them, take them back.
import { pages, send } from "../client.js";
import { config } from "../config.js";
import { workerKeyBytes, revocationBytes } from "../delegation.js";
import { busy, complain, element, hash, icon, since, state } from "../dom.js";
import { requireUnlocked } from "../session.js";
import { box } from "../unlock_box.js";
import { start } from "./frame.js";

const API = "/api/v1/wallet/worker-keys";
const DAY = 86400;
const find = (selector) => document.querySelector(selector);
const form = find("[data-delegate]");
const problem = find("#worker-problem");
const STATES = {
  active: ["accepted", "circle-check", "may mine"],
  expired: ["stale", "hourglass", "has run out"],
  revoked: ["refused", "circle-x", "taken back"],
};
let account = null;

async function render(current) {
  account = current;
  const wanted = current.address;
  complain(find("[data-list-problem]"), null);
  try {
    const rows = [];
    for await (const page of pages(`${API}?address=${wanted}&limit=100`)) rows.push(...page);
    if (account.address !== wanted) return;
    rows.sort((a, b) => (a.status === "active" ? 0 : 1) - (b.status === "active" ? 0 : 1) || b.created - a.created);
    find("[data-rows]").replaceChildren(...rows.map(draw));
    find("[data-empty]").hidden = rows.length > 0;
  } catch (error) {
    complain(find("[data-list-problem]"), error);
  }
}

function draw(row) {
  const revoke = element("button", { type: "button", class: "button", click: () => takeBack(row) }, icon("trash"), element("span", {}, "Take back"));
  return element(
    "li",
    { class: "row", "data-worker": row.worker },
    element("div", { class: "row-words" }, element("strong", {}, row.label), hash(row.worker), element("span", { class: "quiet" }, "since ", since(row.created), row.status === "active" ? ", runs out " : "", row.status === "active" ? since(row.expires) : "")),
    element("div", { class: "row-end" }, state(...STATES[row.status]), row.status === "active" ? revoke : null),
  );
}

async function delegate(event) {
  event.preventDefault();
  complain(problem, null);
  try {
    await busy(form, register);
    form.reset();
    await render(account);
  } catch (error) {
    complain(problem, error);
  }
}

async function register() {
  const worker = find("#worker-key").value.trim().toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(worker)) throw new Error("A public key has 64 hexadecimal digits.");
  const created = Math.floor(Date.now() / 1000);
  const label = find("#worker-label").value.trim();
  if (!label) throw new Error("Give the worker a name, so that you know it again.");
  const statement = { network: config.network, key: account.publicKey, worker, label, created, expires: created + DAY * Number(find("#worker-days").value) };
  const bytes = workerKeyBytes(statement);
  const signer = await requireUnlocked();
  await send("POST", API, { statement, signature: await signer.sign(bytes) });
}

// With a signature: it works signed in or not, and anybody can check it.
function takeBack(row) {
  const dialog = box(`Take the key of ${row.label} back?`, () => render(account));
  const words = element("p", { class: "problem", role: "alert" });
  const sign = element("button", { type: "button", class: "button button-danger" }, "Sign and take back");
  sign.addEventListener("click", async () => {
    try {
      const statement = { network: config.network, key: account.publicKey, worker: row.worker, revoked: Math.max(Math.floor(Date.now() / 1000), row.created) };
      const signer = await requireUnlocked();
      await send("POST", `${API}/${row.worker}/revoke`, { statement, signature: await signer.sign(revocationBytes(statement)) });
      dialog.close();
    } catch (error) {
      complain(words, error);
    }
  });
  dialog.append(
    element("p", {}, "What that worker finds from now on is refused. What it has earned stays yours."),
    words,
    element("div", { class: "buttons" }, sign, element("button", { type: "button", class: "button", click: () => dialog.close() }, "Keep it")),
  );
  dialog.showModal();
}

form.addEventListener("submit", delegate);
start(render);
