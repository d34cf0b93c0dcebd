// “Draw it again” on a draw's page: the check of static/js/verify/draw.js, told step by step.
import { make, tellSteps } from "../told_steps.js";
import { DRAW_STEPS, checkDraw } from "../verify/draw.js";

const place = document.querySelector("[data-draw]");
const button = place.querySelector("[data-draw-start]");
const status = place.querySelector("[data-draw-status]");
const results = place.querySelector("[data-draw-results]");
const SIGNS = { passed: ["accepted", "circle-check", "as told"], failed: ["refused", "circle-x", "differs"], skipped: ["stale", "circle-dashed", "not reached"] };

/** Draw one subject again; returns whether everything came out as told. */
function again(draw, hashes) {
  const { list, tell } = tellSteps(DRAW_STEPS, SIGNS, place.dataset.sprite);
  results.append(make("h3", "", draw.subject === "problem" ? "Problem" : "Grammar"), list);
  return checkDraw({ ...draw, hashes }, tell);
}

async function start() {
  button.disabled = true;
  results.replaceChildren();
  status.textContent = "Fetching the stakes and the hashes.";
  delete status.dataset.state;
  try {
    const response = await fetch(`/api/v1/draws/${place.dataset.draw}`, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(`The site answers ${response.status}.`);
    const { draws, hashes } = await response.json();
    const outcomes = draws.filter(({ total }) => total > 0).map((draw) => again(draw, hashes));
    const isRight = outcomes.every(Boolean);
    status.dataset.state = isRight ? "passed" : "failed";
    status.textContent = isRight ? "It comes out the same." : "It does not come out as this site tells it.";
  } catch (error) {
    status.dataset.state = "failed";
    status.textContent = `That did not work: ${error.message}`;
  } finally {
    button.disabled = false;
  }
}

button.addEventListener("click", start);
