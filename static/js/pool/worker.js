// One worker: the curves of its trainings as they grow. The topic brings most of them at once; what it leaves out (small
// networks end faster than anybody can look) comes with the list, asked for now and then.
import { live } from "../live.js";
import { RunCards } from "../run_cards.js";
import { RunStore } from "../run_store.js";
import { threshold } from "../round_scale.js";
import "./series.js";

const ASK = 10000;
const section = document.querySelector("#training");
const first = JSON.parse(document.querySelector("#first").textContent);
const { worker, joined, name } = section.dataset;
const store = new RunStore();
let { round } = first;
const cards = new RunCards(section, (unix) =>
  threshold(round, Math.max(0, Math.floor((unix - round.parent_timestamp) / round.round_seconds))),
);

const isMine = (run) => (joined ? run.enrolled === worker : run.enrolled === null && run.worker === name);

function show() {
  cards.show(store.all());
  const shown = [...section.querySelectorAll("[data-run]")].map((card) => card.dataset.run);
  const link = section.querySelector("[data-compare]");
  link.search = shown.length ? `?ids=${shown.join(",")}` : "";
}

async function ask() {
  if (document.hidden) return;
  try {
    const response = await fetch(section.dataset.runs);
    if (!response.ok) return;
    const { items } = await response.json();
    // A curve that the topic has brought further stays as it is.
    store.reset(items.map((run) => (run.curve.length < (store.get(run.id)?.curve.length ?? 0) ? store.get(run.id) : run)));
    show();
  } catch {
    // The site is away: what is shown stays.
  }
}

store.reset(first.runs);
show();
live.subscribe("training", {
  snapshot: ({ runs }) => {
    for (const run of runs.filter(isMine)) store.apply({ run, points: run.curve });
    show();
  },
  delta: (delta) => {
    if (!isMine(delta.run)) return;
    store.apply(delta);
    show();
  },
});
const setRound = (value) => {
  round = value;
};
live.subscribe("round", { snapshot: setRound, delta: setRound });
setInterval(ask, ASK);
