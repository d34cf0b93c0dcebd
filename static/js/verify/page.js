// “Verify it yourself” on a block's page: a button, the list of steps, and what came out.
import { group } from "../format.js";
import { Check } from "./check.js";

const SIGNS = {
  waiting: ["circle-dashed", "waiting"],
  running: ["hourglass", "running"],
  passed: ["circle-check", "passed"],
  failed: ["circle-x", "failed"],
  sampled: ["chart-line", "sampled"],
  missing: ["alert-triangle", "not checked"],
  skipped: ["circle-dashed", "not reached"],
};
const SVG = "http://www.w3.org/2000/svg";
const NARROW = "\u202f";

function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

function time(milliseconds) {
  if (milliseconds < 10) return `${milliseconds.toFixed(1)}${NARROW}ms`;
  return milliseconds < 1000
    ? `${Math.round(milliseconds)}${NARROW}ms`
    : `${(milliseconds / 1000).toFixed(1)}${NARROW}s`;
}

function makeUse() {
  return document.createElementNS(SVG, "use");
}

function makeIcon(use, className) {
  const icon = document.createElementNS(SVG, "svg");
  icon.setAttribute("class", className);
  icon.setAttribute("aria-hidden", "true");
  icon.append(use);
  return icon;
}

/** One row of the list: sign, name, result, state and time; opens to show what was compared. */
class Row {
  #sprite;
  #use = makeUse();
  #says;
  #word;
  #took;
  #bar = make("progress", "verify-bar");
  #more = make("div", "verify-more");
  #about;

  constructor({ id, title, about }, sprite) {
    this.#sprite = sprite;
    this.#about = about;
    this.#says = make("span", "verify-says");
    this.#word = make("span", "verify-word");
    this.#took = make("span", "verify-took num");
    this.#bar.max = 1;
    this.#bar.setAttribute("aria-label", `Progress of ${title}`);
    const name = make("span", "verify-title", title);
    const arrow = makeUse();
    arrow.setAttribute("href", `${sprite}#chevron-down`);
    const ends = [makeIcon(this.#use, "icon verify-sign"), makeIcon(arrow, "icon icon-s verify-arrow")];
    const summary = make("summary", "verify-row", ends[0], name, this.#says, this.#word, this.#took, ends[1]);
    this.element = make("li", "verify-step", make("details", "", summary, this.#more), this.#bar);
    this.element.dataset.step = id;
    this.show({ state: "waiting", says: about });
  }

  show({ state, says, rows, share, milliseconds, isOpen }, onMore) {
    if (state) this.#showState(state);
    if (says) this.#says.textContent = says;
    if (share !== undefined) this.#bar.value = share;
    this.#took.textContent = milliseconds === undefined ? this.#took.textContent : time(milliseconds);
    if (!state || state === "running") return;
    this.#more.replaceChildren(make("p", "quiet", this.#about), ...(rows ? [this.#table(rows)] : []));
    this.element.querySelector(".verify-whole")?.remove();
    if (isOpen) this.element.append(this.#wholeButton(isOpen, onMore));
  }

  #showState(state) {
    const [sign, word] = SIGNS[state];
    this.element.dataset.state = state;
    this.#use.setAttribute("href", `${this.#sprite}#${sign}`);
    this.#word.textContent = word;
  }

  #table(rows) {
    const head = ["What", "Computed here", "Header or limit"].map((words) => {
      const cell = make("th", "", words);
      cell.scope = "col";
      return cell;
    });
    const body = rows.map(([what, found, claimed = ""]) => {
      const name = make("th", "", what);
      name.scope = "row";
      return make("tr", "", name, make("td", "", found), make("td", "", claimed));
    });
    return make("table", "verify-table", make("thead", "", make("tr", "", ...head)), make("tbody", "", ...body));
  }

  #wholeButton(total, onMore) {
    const button = make("button", "button verify-whole", `Check all ${group(total)} examples`);
    button.type = "button";
    button.addEventListener("click", onMore);
    return button;
  }
}

class Panel {
  #section;
  #button;
  #status;
  #list;
  #rows = new Map();
  #check = null;
  #begin = 0;

  constructor(section) {
    this.#section = section;
    this.#button = section.querySelector("[data-verify-start]");
    this.#status = section.querySelector(".verify-status");
    this.#list = section.querySelector(".verify-steps");
    this.#button.addEventListener("click", () =>
      this.#section.dataset.state === "running" ? this.#stop() : this.#start(),
    );
  }

  async #start() {
    const { hash, height, sprite, automaticMacs } = this.#section.dataset;
    this.#check?.stop();
    const limits = automaticMacs ? { automaticMacs: Number(automaticMacs), sampleMacs: Number(automaticMacs) } : {};
    const check = new Check(hash, Number(height), (id, change) => this.#show(id, change), limits);
    this.#check = check;
    this.#rows = new Map(check.steps.map((step) => [step.id, new Row(step, sprite)]));
    this.#list.replaceChildren(...[...this.#rows.values()].map((row) => row.element));
    this.#section.querySelector(".verify-work").hidden = false;
    await this.#follow(check, () => check.run());
  }

  async #complete(id) {
    this.#button.focus();
    const check = this.#check;
    await this.#follow(check, () => check.complete(id));
  }

  // Runs a part of the check and says at the end what came out, unless another check has begun in the meantime.
  async #follow(check, run) {
    this.#begin = performance.now();
    this.#setRunning(true);
    this.#say("", "Checking …");
    try {
      await run();
      this.#conclude(check);
    } catch (error) {
      if (error.name !== "AbortError") throw error;
      if (check === this.#check) this.#say("", "Stopped. Nothing was decided.");
    } finally {
      if (check === this.#check) this.#setRunning(false);
    }
  }

  #stop() {
    this.#check.stop();
    for (const row of this.#rows.values()) {
      if (row.element.dataset.state === "running") row.show({ state: "waiting", says: "Stopped." });
    }
  }

  #setRunning(isRunning) {
    this.#section.dataset.state = isRunning ? "running" : "done";
    this.#button.textContent = isRunning ? "Stop" : "Verify it again";
  }

  #show(id, change) {
    this.#rows.get(id).show(change, () => this.#complete(id));
    if (change.state !== "running") return;
    const number = this.#check.steps.findIndex((step) => step.id === id) + 1;
    this.#say("", `Step ${number} of ${this.#check.steps.length}: ${this.#check.steps[number - 1].title}`);
  }

  #conclude(check) {
    const count = (state) => check.steps.filter((step) => check.stateOf(step.id) === state).length;
    const total = check.steps.length;
    const took = time(performance.now() - this.#begin);
    const failed = check.steps.find((step) => check.stateOf(step.id) === "failed");
    if (failed)
      this.#say(
        "failed",
        `“${failed.title}” failed: what this server shows breaks a rule. ${count("passed")} of ${total} steps passed.`,
      );
    else if (count("missing"))
      this.#say("missing", `Undecided: not everything could be had. ${count("passed")} of ${total} steps passed.`);
    else if (count("sampled"))
      this.#say(
        "sampled",
        `${count("passed")} of ${total} steps passed; the error was checked on a sample, in ${took}.`,
      );
    else this.#say("passed", `All ${total} steps passed in ${took}.`);
    if (!count("sampled")) check.close();
  }

  #say(state, words) {
    this.#status.dataset.state = state;
    this.#status.textContent = words;
  }
}

for (const section of document.querySelectorAll("[data-verify]")) new Panel(section);
