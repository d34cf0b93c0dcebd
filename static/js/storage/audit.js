// An audit's page: the check of static/js/verify/audit.js runs by itself and is told step by step.
import { tellSteps } from "../told_steps.js";
import { ANSWER_STEPS, LOT_STEPS, checkAudit } from "../verify/audit.js";

const place = document.querySelector("[data-audit]");
const status = place.querySelector("[data-audit-status]");
const results = place.querySelector("[data-audit-results]");
const SIGNS = { passed: ["accepted", "circle-check", "right"], failed: ["refused", "circle-x", "wrong"], skipped: ["stale", "circle-dashed", "not reached"] };
let outcome = place.dataset.outcome;

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
    const { list, tell } = tellSteps([...LOT_STEPS, ...ANSWER_STEPS], SIGNS, place.dataset.sprite);
    const isRight = checkAudit(audit, tell);
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
