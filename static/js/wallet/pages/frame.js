// What the wallet's pages share: which part of the page is shown, the account in use, the lock.
import { isSecure } from "../config.js";
import { complain, element, hash, state } from "../dom.js";
import { session } from "../session.js";
import { unlockForm } from "../unlock_box.js";
import * as vault from "../vault.js";
import { checkWhileTyping } from "./fields.js";

const find = (selector) => document.querySelector(selector);

/** Show the gate of this name ("shown", "none", "locked", "setup", "exists", "broken") and hide the others. */
export function openGate(name) {
  for (const gate of document.querySelectorAll("[data-gate]")) gate.hidden = gate.dataset.gate !== name;
}

/** Run a page that needs no wallet (making, restoring one); `setUp` is called when there is none. */
export async function startSetup(setUp) {
  if (!(await isReady())) return;
  const isTaken = session.hasKeystore;
  openGate(isTaken ? "exists" : "setup");
  if (!isTaken) setUp();
}

/** Run a page of the wallet: `render(account)` draws it, again whenever account, names or lock change. */
export async function start(render) {
  if (!(await isReady())) return;
  find("[data-unlock]").append(unlockForm(session, () => {}));
  find("[data-look]").addEventListener("click", () => session.look());
  find("[data-lock]").addEventListener("click", () => (session.state === "open" ? session.lock() : askToOpen()));
  find("[data-account]").addEventListener("change", (event) => session.choose(event.target.value));
  for (const form of document.querySelectorAll("[data-watch-form]")) watchForm(form);
  find(".wallet-nav [aria-current]").scrollIntoView({ block: "nearest", inline: "center" });
  const draw = () => {
    openGate(session.state === "none" ? "none" : session.isShown ? "shown" : "locked");
    if (!session.isShown) return;
    drawBar();
    render(session.current);
  };
  session.addEventListener("change", draw);
  draw();
}

async function isReady() {
  find("[data-insecure]").hidden = isSecure;
  try {
    await session.ready;
    return true;
  } catch (error) {
    find("[data-broken]").textContent = error.message;
    openGate("broken");
    return false;
  }
}

async function askToOpen() {
  const { askToUnlock } = await import("../unlock_box.js");
  askToUnlock(session);
}

function drawBar() {
  const { current, accounts } = session;
  const select = find("[data-account]");
  select.replaceChildren(
    ...accounts.map(({ address, label, source }) => {
      const words = source === "watch" ? `${label} (watched)` : label;
      return element("option", { value: address, selected: address === current.address }, words);
    }),
  );
  select.value = current.address;
  find("[data-account-address]").replaceChildren(hash(current.address, { url: `/addresses/${current.address}/` }));
  const isOpen = session.state === "open";
  find("[data-lock-state]").replaceChildren(
    session.state === "watching" ? state("stale", "eye", "only watching") : isOpen ? state("accepted", "lock-open", "unlocked") : state("waiting", "lock", "locked"),
  );
  const button = find("[data-lock]");
  button.hidden = session.state === "watching";
  button.querySelector("span").textContent = isOpen ? "Lock" : "Unlock";
}

// Add an address without its key; on the first page and in the settings.
function watchForm(form) {
  const field = checkWhileTyping(form.querySelector("[data-address]"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!field.isRight()) return;
    try {
      await vault.watch(field.value, form.querySelector("[data-label]")?.value.trim());
      form.reset();
      field.clear();
    } catch (error) {
      complain(field.problem, error);
    }
  });
}
