// An audit's page: the check of static/js/verify/audit.js runs by itself and is told step by step.
import { ANSWER_STEPS, LOT_STEPS, checkAudit } from "../verify/audit.js";

const place = document.querySelector("[data-audit]");
const status = place.querySelector("[data-audit-status]");
const results = place.querySelector("[data-audit-results]");
const SIGNS = { passed: ["accepted", "circle-check", "right"], failed: ["refused", "circle-x", "wrong"], skipped: ["stale", "circle-dashed", "not reached"] };
const SVG = "http://www.w3.org/2000/svg";
let outcome = place.dataset.outcome;

function make(name, className, ...children) {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

function sign(state) {
  const [colour, name, word] = SIGNS[state];
  const icon = document.createElementNS(SVG, "svg");
  icon.setAttribute("class", "icon");
  icon.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${place.dataset.sprite}#${name}`);
  icon.append(use);
  return make("span", `state state-${colour}`, icon, make("span", "", word));
}

function row([name, found]) {
  return make("div", "", make("dt", "", name), make("dd", "mono", String(found)));
}

async function read(path) {
  const response = await fetch(`/api/v1/${path}`, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(`The site answers ${response.status} for ${path}.`);
  return response.json();
}

async function fetchAudit() {
  const audit = await read(`audits/${place.dataset.audit}`);
  const parameters = await read("parameters");
  const answer = audit.txid ? await read(`transactions/${audit.txid}`) : null;
  return { ...audit, draws: parameters.audits_per_block, network: parameters.network, transaction: answer?.transaction };
}

function conclude(audit, isRight) {
  status.dataset.state = isRight ? "passed" : "failed";
  if (!isRight) status.textContent = "This does not hold: what this site shows cannot be.";
  else if (audit.proof) status.textContent = "Proved: the keeper had this piece, and could not know that it would be asked for it.";
  else status.textContent = "The lot is right. There is no answer to check.";
}

async function start() {
  try {
    const audit = await fetchAudit();
    outcome = audit.outcome;
    const list = make("ol", "draw-result");
    const isRight = checkAudit(audit, (id, { state, says, rows = [] }) => {
      const step = [...LOT_STEPS, ...ANSWER_STEPS].find((one) => one.id === id);
      const item = make("li", "", sign(state), make("strong", "", step.title), ` ${says}`);
      item.dataset.step = id;
      item.dataset.state = state;
      if (rows.length) item.append(make("dl", "", ...rows.map(row)));
      list.append(item);
    });
    results.replaceChildren(list);
    conclude(audit, isRight);
  } catch (error) {
    status.dataset.state = "missing";
    status.textContent = `Not decided: ${error.message}`;
  }
}

// When the audit is answered while somebody looks, there is more to check.
document.addEventListener("refreshed", async () => {
  const audit = await read(`audits/${place.dataset.audit}`).catch(() => null);
  if (audit && audit.outcome !== outcome) location.reload();
});
start();
