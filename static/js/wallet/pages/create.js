// Making a wallet: words, the check that they are on paper, a passphrase, done. Nothing is kept before the last step.
import { complain, element, hash, busy, save } from "../dom.js";
import { generate, wordsFrom, WORDS } from "../mnemonic.js";
import * as vault from "../vault.js";
import { newPassphrase } from "./fields.js";
import { startSetup } from "./frame.js";

const ASKED = 4;
const parts = [...document.querySelectorAll("[data-part]")];
const part = (name) => parts.find((one) => one.dataset.part === name);
let words = [];
let asked = [];

function show(name) {
  for (const one of parts) one.hidden = one.dataset.part !== name;
  for (const step of document.querySelectorAll("[data-step]"))
    step.toggleAttribute("aria-current", step.dataset.step === name);
  document.querySelector(`[data-step="${name}"]`).setAttribute("aria-current", "step");
  if (name === "words") drawWords();
  else document.querySelector("[data-words]").replaceChildren(); // not in the page any more
  part(name).querySelector("input, h2").focus();
}

function drawWords() {
  document.querySelector("[data-words]").replaceChildren(...words.map((word) => element("li", {}, element("span", {}, word))));
}

function choose() {
  words = generate();
  asked = [];
  drawWords();
}

// Four different places, in their order, at random.
function ask() {
  const places = new Set();
  while (places.size < ASKED) places.add(crypto.getRandomValues(new Uint8Array(1))[0] % WORDS);
  asked = [...places].sort((a, b) => a - b);
  document.querySelector("[data-asked]").replaceChildren(
    ...asked.map((place) =>
      element(
        "div",
        { class: "field" },
        element("label", { for: `asked-${place}` }, `Word ${place + 1}`),
        element("input", { id: `asked-${place}`, class: "mono", autocapitalize: "none", spellcheck: "false", autocomplete: "off", "data-place": place }),
      )),
  );
}

function check(event) {
  event.preventDefault();
  const inputs = [...document.querySelectorAll("[data-place]")];
  const wrong = inputs.filter((input) => input.value.trim().toLowerCase() !== words[Number(input.dataset.place)]);
  for (const input of inputs) input.toggleAttribute("aria-invalid", wrong.includes(input));
  for (const input of wrong) input.setAttribute("aria-invalid", "true");
  const places = wrong.map((input) => Number(input.dataset.place) + 1).join(" and ");
  const hint = wrong.some((input) => input.value.trim() && !wordsFrom(input.value.trim()).includes(input.value.trim().toLowerCase()));
  complain(
    document.querySelector("[data-check-problem]"),
    wrong.length ? `Word ${places} is another one.${hint ? " Look for a slip of the pen." : " Is the order right?"}` : null,
  );
  if (wrong.length) wrong[0].focus();
  else show("passphrase");
}

async function seal(event, read) {
  event.preventDefault();
  const passphrase = read();
  if (passphrase === null) return;
  const form = part("passphrase");
  try {
    const [account] = await busy(form, (report) => vault.fromWords(words, passphrase, report));
    form.reset();
    words = [];
    document.querySelector("[data-new-address]").replaceChildren(hash(account.address, { isFull: true }));
    show("done");
  } catch (error) {
    complain(form.querySelector("[data-passphrase-problem]"), error);
  }
}

startSetup(() => {
  for (const heading of document.querySelectorAll("[data-part] h2")) heading.tabIndex = -1;
  choose();
  document.querySelector("[data-again]").addEventListener("click", choose);
  for (const button of document.querySelectorAll("[data-next]")) {
    button.addEventListener("click", () => {
      if (button.dataset.next === "check") ask();
      show(button.dataset.next);
    });
  }
  part("check").addEventListener("submit", check);
  const read = newPassphrase(part("passphrase"));
  part("passphrase").addEventListener("submit", (event) => seal(event, read));
  document.querySelector("[data-export]").addEventListener("click", async () => save("coinai-wallet.json", await vault.exportKeystore()));
});
