// The pool's page: when its best model wins, counted down; its numbers, asked for again while somebody looks.
import { clock, group, percent } from "../format.js";
import { live } from "../live.js";
import { charts } from "./series.js";

const ASK = 10000; // milliseconds: what is counted over a minute changes no faster
const $ = (selector) => document.querySelector(selector);
let best = JSON.parse($("#first").textContent).best;
let idle = $("[data-sentence]").textContent;
let isDue = false;

function sentence() {
  if (!best.error) return idle;
  if (!best.wins_at) return `Our best, ${percent(best.error)}, is not yet good enough for any round.`;
  const wait = best.wins_at - live.now();
  return wait > 0
    ? `Our best, ${percent(best.error)}, wins in ${clock(wait)} unless somebody is better.`
    : `Our best, ${percent(best.error)}, is being handed in.`;
}

function tell() {
  const place = $("[data-sentence]");
  const text = sentence();
  if (place.textContent !== text) place.textContent = text;
}

function setNumber(place, text) {
  if (!place || place.textContent === text) return;
  place.textContent = text;
  place.classList.remove("changed");
  void place.offsetWidth;
  place.classList.add("changed");
}

async function ask() {
  if (document.hidden) {
    isDue = true;
    return;
  }
  isDue = false;
  try {
    const response = await fetch("/api/v1/pool");
    if (response.ok) show(await response.json());
  } catch {
    // The site is away: what is shown stays, and the dot on top says so.
  }
}

function show(status) {
  for (const place of document.querySelectorAll("[data-number]")) {
    setNumber(place, group(status[place.dataset.number]));
  }
  setNumber($("[data-luck]"), status.luck_percent === null ? "–" : `${group(status.luck_percent)}%`);
  setBest(status.best ?? {});
  growRates(status.runs_per_minute);
}

// A minute that has passed becomes a point: what began in the sixty seconds before.
let rates = JSON.parse($("#rates").textContent);
function growRates(count) {
  const minute = Math.floor(live.now() / 60) * 60 - 60;
  if (minute <= rates.x.at(-1)) return;
  const gap = (minute - rates.x.at(-1)) / 60 - 1;
  const missed = Array.from({ length: Math.min(gap, rates.x.length) }, (_, i) => minute - 60 * (Math.min(gap, rates.x.length) - i));
  const length = rates.x.length;
  rates = { ...rates, x: [...rates.x, ...missed, minute].slice(-length), y: [...rates.y, ...missed.map(() => null), count].slice(-length) };
  charts.get("rates")?.show(rates);
}

function setBest(value) {
  if (best.error && !value.error) idle = "A new round has begun; nothing to hand in yet.";
  if ((value.text ?? "") !== (best.text ?? "")) drawGlyph(value.text ?? "");
  best = value;
  tell();
}

/** The server draws every glyph, so that there is one geometry; its answer is cached for ever. */
async function drawGlyph(text) {
  const host = $("#best-glyph");
  host.replaceChildren();
  if (!text) return;
  const query = new URLSearchParams({ text, shape: host.dataset.shape, classes: host.dataset.classes });
  try {
    const response = await fetch(`${host.dataset.url}?${query}`);
    if (!response.ok || (best.text ?? "") !== text) return;
    const drawing = new DOMParser().parseFromString(await response.text(), "image/svg+xml").documentElement;
    host.replaceChildren(document.importNode(drawing, true));
  } catch {
    // The connection is lost; the sentence beside it says the same.
  }
}

live.subscribe("pool_best", { snapshot: setBest, delta: setBest });
live.subscribe("tip", { snapshot: () => {}, delta: ask });
document.addEventListener("visibilitychange", () => isDue && !document.hidden && ask());
setInterval(ask, ASK);
setInterval(tell, 500);
