// Sending: recipients and amounts checked while typing, a fee, a review in plain words; then what was sent, followed.
import { format } from "../amount.js";
import { readAddress } from "../client.js";
import { config } from "../config.js";
import { coins, complain, element, hash } from "../dom.js";
import { FeeChoice } from "../fee_choice.js";
import { session } from "../session.js";
import { nextSequence, review } from "../sign_box.js";
import * as store from "../store.js";
import { start } from "./frame.js";
import { readLines, Recipient } from "./recipient.js";
import { SentList } from "./track.js";
import { live } from "../../live.js";

const MAX_OUTPUTS = 256;
const find = (selector) => document.querySelector(selector);
const form = find("[data-send]");
const choice = new FeeChoice();
const sentList = new SentList(find("[data-sent]"));
let recipients = [];
let contacts = new Map(); // name in lower case -> address
let account = null;
let view = null;
let isFeeLoaded = false;
let missing = 0; // base units more than can be spent

async function render(current) {
  account = current;
  await readContacts();
  if (!recipients.length) begin();
  for (const recipient of recipients) recipient.names = contacts;
  sentList.show(account.address, session.accounts);
  await refresh();
}

async function readContacts() {
  const rows = await store.all("contacts");
  const own = session.accounts.filter((one) => one.address !== account.address);
  const all = [...rows.map(({ name, address }) => [name, address]), ...own.map(({ label, address }) => [label, address])];
  contacts.clear();
  for (const [name, address] of all) contacts.set(name.toLowerCase(), address);
  find("#contact-list").replaceChildren(...all.map(([name, address]) => element("option", { value: name }, address)));
}

// What a link asked for, or one empty recipient.
function begin() {
  const asked = new URLSearchParams(location.search);
  add(asked.get("to") ?? "", asked.get("amount") ?? "");
  if (!asked.get("to")) return;
  find("[data-asked]").hidden = false;
  const note = asked.get("note");
  find("[data-asked-words]").textContent = `A link has filled this in${note ? `: “${note.slice(0, 80)}”` : ""}. Check whom it pays.`;
}

async function refresh() {
  try {
    view = await readAddress(account.address);
    if (!isFeeLoaded) {
      isFeeLoaded = true;
      await choice.load(fieldsOf(0));
    }
    complain(find("[data-send-problem]"), null);
    find("[data-review]").disabled = false;
  } catch (error) {
    complain(find("[data-send-problem]"), error);
  }
  sum();
}

function add(address = "", amount = "") {
  if (recipients.length === 1 && recipients[0].isEmpty && address) recipients.pop().element.remove();
  const recipient = new Recipient({ address, amount, names: contacts, onChange: sum, onRemove: remove, onAll: takeAll });
  recipients.push(recipient);
  find("[data-recipients]").append(recipient.element);
  number();
  return recipient;
}

function remove(recipient) {
  recipients = recipients.filter((one) => one !== recipient);
  recipient.element.remove();
  if (!recipients.length) add();
  number();
  sum();
}

function number() {
  recipients.forEach((recipient, i) => recipient.number(i + 1, recipients.length));
}

// All that is left to one recipient: the balance less the other amounts and the fee.
function takeAll(recipient) {
  if (!view) return;
  recipient.isAll = true;
  sum();
}

function spendable() {
  return Math.max(0, view.balance - view.pending.outgoing); // what waits may take its coins first
}

function fillAll() {
  const recipient = recipients.find((one) => one.isAll);
  if (!recipient || !view) return;
  const others = recipients.filter((one) => one !== recipient).reduce((total, one) => total + (one.units ?? 0), 0);
  const left = spendable() - others - readFee();
  recipient.setAmount(left > 0 ? format(left) : "");
}

function readFee() {
  try {
    return choice.fee;
  } catch {
    return choice.lowest;
  }
}

// The fields as they would be signed; recipients that are not right yet count with a stand-in of the same size.
function fieldsOf(fee) {
  const outputs = recipients.map((one) => ({ to: one.isRight ? one.address : account.address, amount: one.units ?? view?.balance ?? 0 }));
  return { network: config.network, kind: "transfer", key: account.publicKey || "0".repeat(64), sequence: view ? nextSequence(view) : 0, fee, body: { outputs } };
}

function sum() {
  if (!view) return;
  if (isFeeLoaded) choice.show(fieldsOf(0));
  fillAll();
  const fee = readFee();
  const total = recipients.reduce((before, one) => before + (one.units ?? 0), 0);
  const left = spendable() - total - fee;
  const rows = [["Can be spent", spendable()], ["Amounts and fee", total + fee]];
  if (left >= 0) rows.push(["Left after that", left]);
  find("[data-sums]").replaceChildren(
    ...rows.map(([name, units]) => element("div", {}, element("dt", {}, name), element("dd", {}, coins(format(units, { isGrouped: true }))))),
  );
  missing = total > 0 ? Math.max(0, -left) : 0;
  complain(find("[data-send-problem]"), missing ? tooMuch() : null);
}

function tooMuch() {
  return `That is ${format(missing, { isGrouped: true })} CAI more than this account can spend.`;
}

async function submit(event) {
  event.preventDefault();
  if (!view) return;
  const problem = find("[data-send-problem]");
  complain(problem, null);
  const wrong = recipients.filter((one) => !one.check());
  if (wrong.length) return wrong[0].focus();
  if (recipients.length > MAX_OUTPUTS) return complain(problem, `One transaction pays at most ${MAX_OUTPUTS} recipients; send the others with a second one.`);
  if (missing) return complain(problem, tooMuch());
  const outputs = recipients.map((one) => ({ to: one.address, amount: one.units }));
  try {
    const fee = choice.fee;
    const sent = await review({ kind: "transfer", body: { outputs }, fee, lines: describe(outputs, fee) });
    if (sent) finish();
  } catch (error) {
    complain(problem, error);
  }
}

function describe(outputs, fee) {
  const names = new Map([...contacts].map(([name, address]) => [address, name]));
  const total = outputs.reduce((before, one) => before + one.amount, 0);
  const lines = outputs.slice(0, 12).map(({ to, amount }) =>
    element("span", {}, "You send ", coins(format(amount, { isGrouped: true })), " to ", names.has(to) ? `${labelOf(to)}, ` : "", hash(to, { isFull: true }), to === account.address ? " (yourself)" : ""));
  if (outputs.length > 12) lines.push(`… and to ${outputs.length - 12} more.`);
  lines.push(element("span", {}, "Together with the fee ", coins(format(total + fee, { isGrouped: true })), " leave this account. Nobody can take that back once it is in a block."));
  return lines;
}

function labelOf(address) {
  const option = [...find("#contact-list").children].find((one) => one.textContent === address);
  return option ? option.value : "";
}

function finish() {
  for (const recipient of recipients) recipient.element.remove();
  recipients = [];
  history.replaceState(null, "", location.pathname);
  find("[data-asked]").hidden = true;
  add();
  refresh();
  sentList.refresh();
  find("[data-sent]").scrollIntoView({ block: "nearest" });
}

function listenToPaste() {
  const [open, panel, text, problem] = [find("[data-paste-open]"), find("[data-paste]"), find("#paste-lines"), find("[data-paste-problem]")];
  open.addEventListener("click", () => {
    panel.hidden = !panel.hidden;
    open.setAttribute("aria-expanded", !panel.hidden);
    if (!panel.hidden) text.focus();
  });
  find("[data-paste-take]").addEventListener("click", () => {
    const { rows, problems } = readLines(text.value, contacts);
    complain(problem, problems.length ? problems.slice(0, 5).join(" ") : rows.length ? null : "There is no line with an address and an amount.");
    if (problems.length || !rows.length) return;
    for (const { address, amount } of rows) add(address, amount);
    text.value = "";
    panel.hidden = true;
    open.setAttribute("aria-expanded", "false");
    sum();
  });
}

form.addEventListener("submit", submit);
find("[data-fee]").append(choice.element);
find("[data-add]").addEventListener("click", () => add().focus());
choice.addEventListener("change", sum);
listenToPaste();
start(render);
live.subscribe("tip", { snapshot: () => {}, delta: () => account && refresh() });
