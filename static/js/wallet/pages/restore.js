// Restoring a wallet: from its words, each checked as it is typed; from a keystore file; from one secret key.
import { deriveAccount } from "../accounts.js";
import { busy, complain, element, hash } from "../dom.js";
import { split, toSeed, validate, WORDS } from "../mnemonic.js";
import * as vault from "../vault.js";
import { wordlist } from "../../../vendor/scure-bip39-2.4.0/english.js";
import { newPassphrase } from "./fields.js";
import { startSetup } from "./frame.js";

const find = (selector) => document.querySelector(selector);
const KNOWN = new Set(wordlist);
const inputs = [];
let way = "from-words";

function drawWords() {
  find("#word-list").replaceChildren(...wordlist.map((word) => element("option", { value: word })));
  for (let place = 0; place < WORDS; place += 1) {
    const input = element("input", { "aria-label": `Word ${place + 1}`, list: "word-list", class: "mono", autocomplete: "off", autocapitalize: "none", spellcheck: "false" });
    input.addEventListener("input", () => onInput(place));
    input.addEventListener("keydown", (event) => onKey(event, place));
    input.addEventListener("blur", () => mark(place));
    input.addEventListener("paste", (event) => onPaste(event, place));
    inputs.push(input);
  }
  find("[data-words]").replaceChildren(...inputs.map((input) => element("li", {}, input)));
}

function onInput(place) {
  inputs[place].removeAttribute("aria-invalid");
  if (inputs.every((input) => KNOWN.has(typed(input)))) judge();
  else find("[data-words-right]").hidden = true;
}

// Space or Enter takes the only word that begins so, and goes on.
function onKey(event, place) {
  if (event.key !== " " && event.key !== "Enter") return;
  event.preventDefault();
  const text = typed(inputs[place]);
  const matches = wordlist.filter((word) => word.startsWith(text));
  if (text.length >= 2 && matches.length === 1) inputs[place].value = matches[0];
  mark(place);
  (inputs[place + 1] ?? find("#new-passphrase")).focus();
  onInput(place);
}

function onPaste(event, place) {
  const words = split(event.clipboardData.getData("text")).filter((word) => !/^\d+[.)]?$/.test(word));
  if (words.length < 2) return;
  event.preventDefault();
  words.slice(0, WORDS - place).forEach((word, i) => (inputs[place + i].value = word));
  judge();
}

function typed(input) {
  return input.value.trim().toLowerCase();
}

function mark(place) {
  const text = typed(inputs[place]);
  const isWrong = text !== "" && !KNOWN.has(text);
  if (isWrong) inputs[place].setAttribute("aria-invalid", "true");
  else inputs[place].removeAttribute("aria-invalid");
  const first = inputs.findIndex((input) => input.hasAttribute("aria-invalid"));
  complain(find("[data-words-problem]"), first < 0 ? null : explain(first));
}

function explain(place) {
  const text = typed(inputs[place]);
  const near = nearest(text);
  return `Word ${place + 1}, “${text}”, is not in the list of 2048 words.${near ? ` Did you mean ${near}?` : ""}`;
}

// All 24: the words, or null with what is wrong, named at its word.
async function judge() {
  inputs.forEach((_, place) => mark(place));
  find("[data-words-right]").hidden = true;
  const empty = inputs.findIndex((input) => typed(input) === "");
  if (inputs.some((input) => input.hasAttribute("aria-invalid"))) return null;
  const words = inputs.map(typed);
  if (empty >= 0) return say(`Word ${empty + 1} is missing.`, empty);
  const found = validate(words);
  if (!found.ok) return say(found.says, found.badWordIndex);
  const { address } = await deriveAccount(await toSeed(words), 0);
  find("[data-first-address]").replaceChildren(hash(address));
  find("[data-words-right]").hidden = false;
  return words;
}

function say(words, place) {
  complain(find("[data-words-problem]"), words);
  if (place >= 0) inputs[place].focus();
  return null;
}

// The word of the list with the fewest changes, up to two.
function nearest(text) {
  let best = [3, ""];
  for (const word of wordlist) {
    if (Math.abs(word.length - text.length) > 2) continue;
    const steps = distance(text, word);
    if (steps < best[0]) best = [steps, word];
  }
  return best[1];
}

function distance(left, right) {
  let row = Array.from({ length: right.length + 1 }, (_, i) => i);
  for (let i = 1; i <= left.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= right.length; j += 1)
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (left[i - 1] === right[j - 1] ? 0 : 1));
    row = next;
  }
  return row[right.length];
}

function chooseWay(tab) {
  way = tab.getAttribute("aria-controls");
  for (const one of document.querySelectorAll("[role=tab]")) {
    const isChosen = one === tab;
    one.setAttribute("aria-selected", isChosen);
    one.tabIndex = isChosen ? 0 : -1;
    document.getElementById(one.getAttribute("aria-controls")).hidden = !isChosen;
  }
  find('[data-part="passphrase"]').hidden = way === "from-file";
}

function listenToTabs() {
  const tabs = [...document.querySelectorAll("[role=tab]")];
  for (const tab of tabs) {
    tab.addEventListener("click", () => chooseWay(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
      chooseWay(next);
      next.focus();
    });
  }
}

async function restore(read) {
  const form = find('[data-part="passphrase"]');
  const problem = find("[data-restore-problem]");
  complain(problem, null);
  const words = way === "from-words" ? await judge() : null;
  if (way === "from-words" && words === null) return;
  const passphrase = read();
  if (passphrase === null) return;
  try {
    const rows = await busy(form, (report) =>
      way === "from-words"
        ? vault.fromWords(words, passphrase, report, { isSearched: true })
        : vault.fromSecret(find("#secret").value, passphrase, "", report));
    finish(rows);
  } catch (error) {
    complain(problem, error);
  }
}

async function restoreFile(event) {
  event.preventDefault();
  const problem = find("[data-file-problem]");
  complain(problem, null);
  const file = find("#keystore").files[0];
  if (!file) return complain(problem, "Choose the file first.");
  try {
    const text = await file.text();
    finish(await busy(find("#from-file"), (report) => vault.fromKeystore(text, find("#file-passphrase").value, report)));
  } catch (error) {
    complain(problem, error instanceof SyntaxError ? "This file is no keystore: it is not JSON." : error);
  }
}

// What a chosen file holds, before any passphrase.
async function describeFile() {
  const file = find("#keystore").files[0];
  const words = find("[data-file-words]");
  complain(find("[data-file-problem]"), null);
  words.textContent = "";
  try {
    const { accounts } = vault.readKeystore(await file.text());
    words.textContent = accounts.length ? `It names ${accounts.map((one) => one.label || one.address).join(", ")}.` : "It is a keystore.";
  } catch (error) {
    complain(find("[data-file-problem]"), error instanceof SyntaxError ? "This file is no keystore: it is not JSON." : error);
  }
}

function finish(rows) {
  for (const form of document.querySelectorAll("[data-gate=setup] form")) {
    form.reset();
    form.hidden = true;
  }
  find("[role=tablist]").hidden = true;
  find("[data-restored]").textContent = rows.length === 1
    ? "One account was found."
    : `${rows.length} accounts were found: ${rows.map((row) => row.label).join(", ")}.`;
  find('[data-part="done"]').hidden = false;
}

startSetup(() => {
  drawWords();
  listenToTabs();
  const form = find('[data-part="passphrase"]');
  const read = newPassphrase(form);
  for (const one of [form, find("#from-words"), find("#from-secret")]) {
    one.addEventListener("submit", (event) => {
      event.preventDefault();
      restore(read);
    });
  }
  find("#from-file").addEventListener("submit", restoreFile);
  find("#keystore").addEventListener("change", describeFile);
});
