// A block's page: the picture of its round, frozen; the winner's training; the walk from hash to network.
import { errorOf } from "./format.js";
import { RoundPicture } from "./round_picture.js";
import { threshold } from "./round_scale.js";
import { RunChart } from "./run_chart.js";
import { toPictureRun } from "./run_store.js";
import { Walk } from "./walk.js";
import { onColourChange } from "./colours.js";

const read = (id) => {
  const element = document.getElementById(id);
  return element && JSON.parse(element.textContent);
};

const contest = read("contest");
if (contest) {
  const { round, winner, runs } = contest;
  const shown = runs.map((run) => ({ ...toPictureRun(run, round.parent_timestamp), won: run.won, state: run.won ? "finished" : "abandoned" }));
  const end = (winner.round + 1) * round.round_seconds;
  new RoundPicture(document.querySelector(".round-figure")).show({ round, winner, runs: shown, best: null, now: end });
}

const winner = read("winner");
if (winner) {
  const chart = new RunChart(document.getElementById("winner-chart"), { height: 220 });
  const { round } = contest;
  chart.show(winner.curve, (second) => {
    const number = Math.max(0, Math.floor((winner.started + second - round.parent_timestamp) / round.round_seconds));
    return errorOf(threshold(round, number));
  });
  onColourChange(() => chart.restyle());
}

const walk = document.getElementById("walk");
if (walk) new Walk(walk);
