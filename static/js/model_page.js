// A model's page: the winner's training, trying the model, copying the lines that load it.
import { onColourChange } from "./colours.js";
import { RunChart } from "./run_chart.js";
import { TryIt } from "./try_it.js";

const read = (id) => {
  const element = document.getElementById(id);
  return element && JSON.parse(element.textContent);
};

const winner = read("winner");
if (winner) {
  const chart = new RunChart(document.getElementById("winner-chart"), { height: 220 });
  chart.show(winner.curve, null);
  onColourChange(() => chart.restyle());
}

const told = read("try-it-data");
if (told) {
  const trial = new TryIt(document.querySelector(".try"), told);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-example]");
    if (!link) return;
    event.preventDefault();
    document.getElementById("try-it").scrollIntoView({ block: "start" });
    document.getElementById("try-it").focus({ preventScroll: true });
    trial.takeExample(Number(link.dataset.example));
  });
}

const copy = document.querySelector("[data-copy-code]");
copy?.addEventListener("click", async () => {
  const code = document.querySelector(".code");
  try {
    await navigator.clipboard.writeText(code.textContent);
  } catch {
    getSelection().selectAllChildren(code); // no clipboard on plain http: the keyboard can copy what is selected
    return;
  }
  const label = copy.lastChild;
  label.textContent = "Copied";
  setTimeout(() => (label.textContent = "Copy"), 1500);
});
