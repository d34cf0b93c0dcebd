// The address as a code, text and link; with an amount, a link that fills in the payer's form.
import { parse } from "../amount.js";
import { complain, element, hash, icon } from "../dom.js";
import { start } from "./frame.js";
import { qrCode } from "./qr.js";

const find = (selector) => document.querySelector(selector);
const [amount, note, problem] = [find("#request-amount"), find("#request-note"), find("#request-problem")];
let address = "";

function render(account) {
  address = account.address;
  find("[data-address-full]").replaceChildren(hash(address, { url: `/addresses/${address}/`, isFull: true }));
  draw();
}

function readUnits() {
  complain(problem, null);
  amount.removeAttribute("aria-invalid");
  if (!amount.value.trim()) return "";
  try {
    parse(amount.value);
    return amount.value.trim().replace(/\s/g, "");
  } catch (error) {
    amount.setAttribute("aria-invalid", "true");
    complain(problem, error.message);
    return "";
  }
}

function draw() {
  const units = readUnits();
  const query = new URLSearchParams({ to: address });
  if (units) query.set("amount", units);
  if (note.value.trim()) query.set("note", note.value.trim());
  const isRequest = Boolean(units || note.value.trim());
  const link = `${location.origin}/wallet/send/?${query}`;
  const text = isRequest ? link : address;
  const place = find("[data-qr]");
  place.setAttribute("aria-label", isRequest ? `QR code of the request ${link}` : `QR code of the address ${address}`);
  place.replaceChildren(qrCode(text));
  find("[data-code-title]").textContent = units ? `Pay ${units} CAI` : isRequest ? "Your request" : "Your address";
  find("[data-copy-text]").querySelector("span").textContent = isRequest ? "Copy the link" : "Copy the address";
  const shown = find("[data-link]");
  shown.hidden = !isRequest;
  shown.replaceChildren(icon("link"), element("a", { href: link }, link));
  find("[data-copy-text]").dataset.text = text;
}

find("[data-copy-text]").addEventListener("click", async (event) => {
  const button = event.currentTarget;
  const words = button.querySelector("span");
  const before = words.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.text);
    words.textContent = "Copied";
  } catch {
    // No clipboard on plain http: select the text, so that the keyboard can copy it.
    getSelection().selectAllChildren(find(find("[data-link]").hidden ? "[data-full]" : "[data-link] a"));
    words.textContent = "Press Ctrl+C";
  }
  setTimeout(() => (words.textContent = before), 1800);
});
find("[data-request]").addEventListener("input", draw);
find("[data-request]").addEventListener("submit", (event) => event.preventDefault());
start(render);
