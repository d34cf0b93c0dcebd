// A member's line of a receipt, hashed up to the root by this browser (docs/pool-protocol.md, section 6).
import { group } from "../format.js";
import { fromHex, toHex } from "../verify/bytes.js";
import { encode } from "../verify/canonical.js";
import { climb, isIncluded } from "../verify/merkle.js";
import { format } from "../wallet/amount.js";

const place = document.querySelector("[data-check]");
const form = place.querySelector("[data-check-form]");
const outcome = place.querySelector("[data-outcome]");

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${place.dataset.sprite}#${name}`);
  svg.append(use);
  return svg;
}

async function check(address) {
  outcome.replaceChildren(element("p", { class: "quiet" }, "Asking for the path…"));
  try {
    const response = await fetch(place.dataset.path + encodeURIComponent(address));
    const proof = await response.json();
    if (!response.ok) return say("refused", "circle-x", proof.code === 1024 ? "This receipt has no line of this address: it had no points in the window." : proof.detail);
    show(proof);
  } catch (error) {
    say("refused", "circle-x", `The path could not be had: ${error.message}`);
  }
}

function show(proof) {
  const { root, lines } = place.dataset;
  const leaf = encode({ address: proof.address, amount: proof.amount, points: proof.points });
  const path = proof.path.map(fromHex);
  const isRight = proof.count === Number(lines) && isIncluded(fromHex(root), leaf, proof.position, proof.count, path);
  const { leaf: first, steps } = climb(leaf, proof.position, proof.count, path);
  const words = isRight
    ? `Right: leaf ${group(proof.position)} of ${group(proof.count)} with ${group(proof.points)} points and ${format(proof.amount)} CAI hashes to the root above.`
    : "Wrong: this line does not lead to the root above. Keep both and tell others.";
  say(isRight ? "accepted" : "refused", isRight ? "circle-check" : "circle-x", words);
  const rows = [["leaf", toHex(first)], ...steps.map((step, i) => [`${i + 1}: with ${toHex(step.sibling).slice(0, 12)}… on the ${step.isLeft ? "left" : "right"}`, toHex(step.hash)])];
  const list = element("dl", { class: "details" }, ...rows.map(([name, hash]) => element("div", {}, element("dt", {}, name), element("dd", { class: "mono" }, hash))));
  outcome.append(element("details", {}, element("summary", {}, "The hashes"), list));
}

function say(colour, sign, words) {
  outcome.replaceChildren(element("p", { class: `verdict verdict-${colour}` }, icon(sign), element("span", {}, words)));
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const address = form.elements.address.value.trim();
  if (!address) return;
  history.replaceState(null, "", `?address=${encodeURIComponent(address)}`);
  check(address);
});
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-check-line]");
  if (!link) return;
  event.preventDefault();
  form.elements.address.value = link.dataset.checkLine;
  form.requestSubmit();
  place.scrollIntoView({ block: "center" });
});
if (new URLSearchParams(location.search).get("address")) check(form.elements.address.value);
