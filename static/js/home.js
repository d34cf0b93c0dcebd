// The live page: one picture of the round, the trainings, the last blocks, kept true by the live connection.
import { clock, duration, errorOf, group, percent } from "./format.js";
import { live } from "./live.js";
import { RunCards } from "./run_cards.js";
import { RunStore, toPictureRun } from "./run_store.js";
import { RoundPicture } from "./round_picture.js";
import { firstRound, threshold } from "./round_scale.js";

const $ = (selector) => document.querySelector(selector);
const first = JSON.parse($("#first").textContent);

const store = new RunStore();
const picture = new RoundPicture($(".round-figure"));
const cards = new RunCards($("#training"), (unix) =>
  round ? threshold(round, Math.max(0, Math.floor((unix - round.parent_timestamp) / round.round_seconds))) : null,
);
let round = null;
let best = {};
let planned = false;

function setText(selector, text, root = document) {
  const element = root.querySelector(selector);
  if (!element || element.textContent === text) return;
  element.textContent = text;
  element.classList.remove("changed");
  void element.offsetWidth;
  element.classList.add("changed");
}

/** What becomes of the round, in one sentence. */
function sentence(now) {
  const number = Math.max(0, Math.floor(now / round.round_seconds));
  const won = round.candidates.filter((one) => one.round < number);
  if (won.length) {
    const error = percent(Math.min(...won.map((one) => one.error)));
    return `A candidate with ${error} has won its round; the node is about to connect it.`;
  }
  const waiting = round.candidates.filter((one) => one.round === undefined || one.round === number);
  const left = (number + 1) * round.round_seconds - now;
  if (waiting.length) {
    const error = Math.min(...waiting.map((one) => one.error));
    return `A candidate with ${percent(error)} waits. Block ${group(round.height)} is born in ${clock(left)} unless somebody is better.`;
  }
  if (best.error && best.wins_at) {
    const wait = best.wins_at - round.parent_timestamp - now;
    return wait > 0
      ? `Our best, ${percent(best.error)}, wins in ${clock(wait)} unless somebody is better.`
      : `Our best, ${percent(best.error)}, is being handed in.`;
  }
  const level = threshold(round, number);
  if (level === 0) return "Nothing was good enough for too long, so any network wins this round.";
  const needed = percent(errorOf(level));
  const handedIn = store.all().filter((run) => run.state === "submitted" && run.started >= round.parent_timestamp && run.error);
  if (handedIn.length) {
    const error = percent(Math.min(...handedIn.map((run) => run.error)));
    return `A model with ${error} has been handed in and is scored once more; ${needed} or less wins this round.`;
  }
  if (!store.active().length) return `An error of ${needed} or less would win this round. Nobody trains at the moment.`;
  if (round.height === 1) return `Training the first networks. The first one with an error of ${needed} or less makes block 1.`;
  return `An error of ${needed} or less wins this round; each round asks for a little less.`;
}

function tell() {
  if (!round) return;
  const now = Math.max(0, live.now() - round.parent_timestamp);
  const number = Math.floor(now / round.round_seconds);
  const left = (number + 1) * round.round_seconds - now;
  setWords(".round-sentence", sentence(now));
  setWords("[data-countdown]", clock(left));
  setWords("[data-round-number]", group(number));
  setWords("[data-threshold]", percent(errorOf(threshold(round, number))));
  setWords("[data-next-threshold]", percent(errorOf(threshold(round, number + 1))));
  setWords("[data-active]", group(store.active().length));
  setWords("[data-since]", duration(now));
}

// Without the fade: words that change every second.
function setWords(selector, text) {
  const element = document.querySelector(selector);
  if (element && element.textContent !== text) element.textContent = text;
}

function draw() {
  planned = false;
  if (!round) return;
  const now = Math.max(0, live.now() - round.parent_timestamp);
  const begun = store.all().filter((run) => run.started >= round.parent_timestamp - 1);
  const runs = begun.map((run) => toPictureRun(run, round.parent_timestamp));
  picture.show({ round, runs, best: expectedBest(now), winner: null, now });
  tell();
}

// The pool says when its best wins; a new round may have begun since.
function expectedBest(now) {
  if (!best.error) return null;
  if (best.wins_at) return best;
  const quality = Math.floor(1000 * Math.log2(1e6 / best.error));
  const number = firstRound(round, quality, Math.floor(now / round.round_seconds));
  return number === null ? best : { ...best, wins_at: round.parent_timestamp + (number + 1) * round.round_seconds };
}

function plan() {
  if (planned) return;
  planned = true;
  requestAnimationFrame(draw);
}

function showRound(value) {
  if (typeof value.now === "number") live.setTime(value.now);
  const isNewBlock = round && round.parent !== value.parent;
  round = value;
  if (isNewBlock) {
    best = {};
    store.forgetBefore(round.parent_timestamp);
    cards.show(store.all());
  }
  setText("[data-block-height]", group(round.height));
  plan();
}

function showRuns(runs) {
  store.reset(runs);
  cards.show(store.all());
  plan();
}

function showRun(delta) {
  store.apply(delta);
  cards.show(store.all());
  plan();
}

function showBest(value) {
  best = value ?? {};
  plan();
}

// The last blocks. A tile is drawn by the server; under the pointer nothing moves, so it waits until the pointer left.
const tiles = $("#last-blocks");
const waitingTiles = [];

async function arrive(block, attempts = 5) {
  if (tiles.querySelector(`[data-block="${block.hash}"]`)) return;
  const markup = await fetchText(tiles.dataset.tile.replace("HASH", block.hash));
  if (markup === null) {
    if (attempts > 1) setTimeout(() => arrive(block, attempts - 1), 2000);
    return;
  }
  const holder = document.createElement("template");
  holder.innerHTML = markup;
  waitingTiles.push(holder.content.firstElementChild);
  settleTiles();
}

/** What the address answers, or null when it cannot be had now. */
async function fetchText(address) {
  try {
    const response = await fetch(address);
    return response.ok ? await response.text() : null;
  } catch {
    return null;
  }
}

function settleTiles() {
  const list = tiles.querySelector(".tiles");
  if (list.matches(":hover") || list.contains(document.activeElement)) return;
  const order = (tile) => Number(tile.dataset.height);
  for (const tile of waitingTiles.splice(0).sort((a, b) => order(a) - order(b))) {
    if (list.querySelector(`[data-block="${tile.dataset.block}"]`)) continue;
    tile.classList.add("arrived");
    list.prepend(tile);
    while (list.children.length > 8) list.lastElementChild.remove();
  }
  tiles.querySelector(".empty")?.remove();
}

async function showNumbers() {
  const markup = await fetchText(tiles.dataset.numbers);
  if (markup === null) return;
  const holder = document.createElement("template");
  holder.innerHTML = markup;
  for (const value of holder.content.querySelectorAll("[data-number]")) {
    setText(`#numbers [data-number="${value.dataset.number}"]`, value.textContent);
  }
}

function showTip(tip) {
  const shown = new Set([...tiles.querySelectorAll("[data-block]")].map((tile) => tile.dataset.block));
  const kept = new Set(tip.blocks.map((block) => block.hash));
  for (const tile of tiles.querySelectorAll("[data-block]")) if (!kept.has(tile.dataset.block)) tile.remove();
  const missing = tip.blocks.filter((block) => !shown.has(block.hash));
  missing.reverse().reduce((before, block) => before.then(() => arrive(block)), Promise.resolve());
  if (missing.length) showNumbers();
}

function changeTip({ block, kind }) {
  if (kind === "connected") arrive(block);
  else tiles.querySelector(`[data-block="${block.hash}"]`)?.remove();
  showNumbers();
}

tiles.addEventListener("pointerleave", settleTiles);
if (first.training) store.reset(first.training.runs);
if (first.pool_best) best = first.pool_best;
if (first.round) showRound(first.round);
cards.show(store.all());

live.subscribe("round", { snapshot: showRound, delta: showRound });
live.subscribe("training", { snapshot: (value) => showRuns(value.runs), delta: showRun });
live.subscribe("pool_best", { snapshot: showBest, delta: showBest });
live.subscribe("tip", { snapshot: showTip, delta: changeTip });

const calm = matchMedia("(prefers-reduced-motion: reduce)");
let beat = 0;
setInterval(() => {
  beat += 1;
  if (document.hidden || (calm.matches && beat % 4)) return;
  plan();
}, 250);
