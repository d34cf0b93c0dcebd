// A proposal's page: what your stake would change, locking it, taking it back. The numbers come with the page and again
// with every block (fresh.js); the ledger decides when the transaction arrives.
import { group, percent } from "../format.js";
import { format, parse } from "../wallet/amount.js";
import { coins, complain, element, hash } from "../wallet/dom.js";
import { session } from "../wallet/session.js";
import { review } from "../wallet/sign_box.js";

const PPM = 1e6;
const form = document.querySelector("[data-support]");
const input = form.querySelector("#support-amount");
const problem = form.querySelector("#support-problem");
const effect = form.querySelector("#support-effect");
const mine = document.querySelector("[data-mine]");

/** The proposal as the page has it now; null once it is no longer open. */
function read() {
  const place = document.getElementById("proposal-numbers");
  return place && JSON.parse(place.textContent);
}

const odds = (share) => (share === 0 ? "0%" : percent(PPM * share));
const cai = (units) => `${format(units, { isGrouped: true })} CAI`;

/** When a stake that the next block locks can be taken back: until a block, and again after another. */
export function freezeOf({ height, epoch, beacon }) {
  const following = height + 1;
  const first = Math.ceil((following + beacon) / epoch) * epoch;
  const latest = Math.floor((following + beacon - 1) / epoch) * epoch;
  return { until: first - beacon, after: first + 1, frozen: latest >= following ? latest - beacon : null, draw: latest };
}

/** The odds with and without an amount more, in the first draw in which it counts. */
export function effectOf({ stake, total, draw, closes, height, epoch, quorum }, amount) {
  return {
    before: total ? stake / total : 0,
    after: (stake + amount) / (total + amount),
    height: height + 1 > closes ? draw + epoch : draw,
    missing: Math.max(0, quorum - total - amount),
  };
}

function strong(text) {
  return element("strong", { class: "num" }, text);
}

function readAmount() {
  const amount = parse(input.value);
  if (amount === 0) throw new Error("Lock something: an amount above 0.");
  return amount;
}

function showEffect() {
  const proposal = read();
  if (!proposal) return;
  let amount;
  try {
    amount = readAmount();
  } catch (error) {
    complain(problem, error);
    input.setAttribute("aria-invalid", "true");
    effect.replaceChildren();
    return;
  }
  complain(problem, null);
  input.removeAttribute("aria-invalid");
  const { before, after, height, missing } = effectOf(proposal, amount);
  const isLot = proposal.selection === "proportional";
  effect.replaceChildren(
    "Your ",
    coins(format(amount, { isGrouped: true })),
    ...(isLot ? [" move this proposal's odds from ", strong(odds(before)), " to ", strong(odds(after))] : [" make its stake larger; the largest stake wins"]),
    ", from the draw of block ",
    element("span", { class: "num" }, group(height)),
    " on.",
    ...(missing ? [" ", coins(format(missing, { isGrouped: true })), " more are then missing for the quorum."] : []),
  );
}

function supportLines(proposal, amount) {
  const { until, after } = freezeOf(proposal);
  const { before, after: then, height } = effectOf(proposal, amount);
  const lines = [`You lock ${cai(amount)} on «${proposal.title}».`, `You can take them back until block ${group(until)}, and again from block ${group(after)} on.`];
  lines.push(
    proposal.selection === "auction"
      ? "If it wins a draw, they are burned. If it expires, they come back by themselves."
      : "If it wins a draw or expires, they come back by themselves.",
  );
  if (proposal.selection === "proportional") lines.push(`Its odds move from ${odds(before)} to ${odds(then)}, from the draw of block ${group(height)} on.`);
  return lines;
}

function tellSent(sent, words) {
  if (!sent) return;
  const place = form.querySelector("[data-sent]");
  place.replaceChildren(`${words} `, hash(sent.txid, { url: `/transactions/${sent.txid}/` }), " waits for a block; this page shows it when it is in one.");
}

async function support(event) {
  event.preventDefault();
  const proposal = read();
  if (!proposal) return location.reload();
  let amount;
  try {
    amount = readAmount();
  } catch {
    showEffect();
    return input.focus();
  }
  const body = { proposal: proposal.proposal, amount };
  tellSent(await review({ kind: "support", body, lines: supportLines(proposal, amount) }), "Your support is sent:");
}

/** What the chosen account has on this proposal: {all, free, frozen, draw}; null without an account or a stake. */
function ownStakes(proposal) {
  const address = session.current?.address;
  const own = address ? proposal.stakes.filter(([owner]) => owner === address) : [];
  if (!own.length) return null;
  const { frozen, draw } = freezeOf(proposal);
  const sum = (stakes) => stakes.reduce((total, [, amount]) => total + amount, 0);
  const free = own.filter(([, , height]) => frozen === null || height > frozen);
  return { all: sum(own), free: sum(free), stays: sum(own) - sum(free), draw };
}

function showMine() {
  const proposal = read();
  const own = proposal && session.isShown ? ownStakes(proposal) : null;
  mine.hidden = !own;
  if (!own) return;
  const words = mine.querySelector("[data-mine-words]");
  words.replaceChildren(session.current.label, " has ", coins(format(own.all, { isGrouped: true })), " on it.");
  mine.querySelector("[data-mine-when]").textContent = own.stays
    ? `${cai(own.stays)} stand still until the draw of block ${group(own.draw)} is over.`
    : `All of it can be taken back in the next block.`;
  mine.querySelector("[data-withdraw]").disabled = own.free === 0;
}

async function withdraw() {
  const proposal = read();
  const own = proposal && ownStakes(proposal);
  if (!own) return;
  const lines = [`You take back ${cai(own.free)} from «${proposal.title}».`];
  if (own.stays) lines.push(`${cai(own.stays)} stay locked until the draw of block ${group(own.draw)} is over.`);
  lines.push("What is frozen when the transaction comes into a block stays; the rest can be spent at once.");
  const sent = await review({ kind: "withdraw", body: { proposal: proposal.proposal }, lines });
  tellSent(sent, "Taking it back:");
}

input.addEventListener("input", showEffect);
form.addEventListener("submit", support);
mine.querySelector("[data-withdraw]").addEventListener("click", withdraw);
session.addEventListener("change", showMine);
document.addEventListener("refreshed", () => {
  showEffect();
  showMine();
});
await session.ready;
showEffect();
showMine();
