// Accounts, lock, backups, and forgetting the wallet. What shows or changes secrets asks for the passphrase first.
import { busy, complain, element, hash, icon, save, state } from "../dom.js";
import { requireUnlocked, session } from "../session.js";
import * as vault from "../vault.js";
import { newPassphrase } from "./fields.js";
import { start } from "./frame.js";

const SHOWN_SECONDS = 120; // the words disappear by themselves
const SOURCES = { words: "of the words", key: "imported key", watch: "only watched" };
const find = (selector) => document.querySelector(selector);
let hiding = null;

function render() {
  find("[data-accounts]").replaceChildren(...session.accounts.map(drawAccount));
  find("[data-with-keystore]").hidden = !session.hasKeystore;
  for (const name of ["add-account", "import-key"]) find(`[data-${name}]`).hidden = !session.hasKeystore;
  find("[data-add-account]").hidden = !session.accounts.some((account) => account.source === "words");
  find("#minutes").value = String(session.minutes);
}

function drawAccount(account) {
  const isCurrent = account.address === session.current.address;
  const input = element("input", { value: account.label, maxlength: 64, "aria-label": `Name of ${account.label}` });
  input.addEventListener("change", () => vault.rename(account.address, input.value.trim() || account.label));
  const use = element("button", { type: "button", class: "button", click: () => session.choose(account.address) }, "Use");
  const label = `Take ${account.label} off the list`;
  const hide = element("button", { type: "button", class: "icon-button", "aria-label": label, title: label, click: () => vault.hide(account.address) }, icon("eye-off"));
  const path = account.source === "words" ? ` m/44'/723'/${account.index}'` : "";
  return element(
    "li",
    { class: "row" },
    element("div", { class: "row-words" }, input, hash(account.address, { url: `/addresses/${account.address}/` }), element("span", { class: "quiet" }, SOURCES[account.source], path)),
    element("div", { class: "row-end" }, isCurrent ? state("accepted", "check", "in use") : use, session.accounts.length > 1 ? hide : null),
  );
}

// A form whose work may fail: the error is shown in it, and what was typed stays.
function handle(selector, work) {
  const form = find(selector);
  const problem = form.querySelector(".problem");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    complain(problem, null);
    try {
      await busy(form, (report) => work(form, report));
    } catch (error) {
      complain(problem, error);
    }
  });
}

async function addAccount(form) {
  if (session.state === "locked") await requireUnlocked();
  await vault.addAccount(find("#account-label").value.trim());
  form.reset();
}

async function importKey(form, report) {
  await vault.importSecret(find("#import-secret").value, find("#import-passphrase").value, find("#import-label").value.trim(), report);
  form.reset();
}

async function reveal(form, report) {
  const words = await vault.revealWords(find("#reveal-passphrase").value, report);
  form.reset();
  if (!words) throw new Error("This wallet has no words: it holds imported keys only. Save a keystore file.");
  const list = form.querySelector("[data-words]");
  list.hidden = false;
  list.replaceChildren(...words.map((word) => element("li", {}, element("span", {}, word))));
  clearTimeout(hiding);
  hiding = setTimeout(hideWords, 1000 * SHOWN_SECONDS);
}

function hideWords() {
  const list = find("[data-reveal] [data-words]");
  list.replaceChildren();
  list.hidden = true;
}

async function forget() {
  if (find("#forget-word").value.trim().toLowerCase() !== "forget") throw new Error("Type the word forget to go on.");
  await vault.forget();
  location.assign("/wallet/");
}

handle("[data-add-account]", addAccount);
handle("[data-import-key]", importKey);
handle("[data-reveal]", reveal);
handle("[data-forget]", forget);
find("#minutes").addEventListener("change", (event) => session.setMinutes(Number(event.target.value)));
find("[data-auto-lock]").addEventListener("submit", (event) => event.preventDefault());
find("[data-export]").addEventListener("click", async () => save("coinai-wallet.json", await vault.exportKeystore()));
const readNew = newPassphrase(find("[data-change]"));
handle("[data-change]", async (form, report) => {
  const fresh = readNew();
  if (fresh === null) return;
  await vault.changePassphrase(find("#old-passphrase").value, fresh, report);
  form.reset();
  find("[data-changed]").textContent = "The passphrase is changed. Keystore files that you saved before keep the old one.";
});
document.addEventListener("visibilitychange", () => document.hidden && hideWords());
await session.ready.catch(() => {}); // start() says what is wrong
const showForget = () => (find("[data-forget-part]").hidden = session.state === "none");
session.addEventListener("change", showForget);
session.addEventListener("change", () => session.state === "locked" && hideWords());
showForget();
start(render);
