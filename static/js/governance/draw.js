// “Draw it again” on a draw's page: the check of static/js/verify/draw.js, told step by step.
import { DRAW_STEPS, checkDraw } from "../verify/draw.js";

const place = document.querySelector("[data-draw]");
const button = place.querySelector("[data-draw-start]");
const status = place.querySelector("[data-draw-status]");
const results = place.querySelector("[data-draw-results]");
const SIGNS = { passed: ["accepted", "circle-check", "as told"], failed: ["refused", "circle-x", "differs"], skipped: ["stale", "circle-dashed", "not reached"] };
const SVG = "http://www.w3.org/2000/svg";

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

/** Draw one subject again; returns whether everything came out as told. */
function again(draw, hashes) {
  const list = make("ol", "draw-result");
  const title = make("h3", "", draw.subject === "problem" ? "Problem" : "Grammar");
  results.append(title, list);
  return checkDraw({ ...draw, hashes }, (id, { state, says, rows = [] }) => {
    const step = DRAW_STEPS.find((one) => one.id === id);
    const item = make("li", "", sign(state), make("strong", "", step.title), ` ${says}`);
    if (rows.length) item.append(make("dl", "", ...rows.map(row)));
    list.append(item);
  });
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
