// Trying a model: an input from a drawing, a picture file, the validation set or a row of numbers; its exact logits.
import { Drawing } from "./drawing.js";
import { group } from "./format.js";

const EVERY = 300; // milliseconds between questions while somebody draws

export class TryIt {
  #panel;
  #told;
  #drawing = null;
  #label = null;
  #file = null;
  #timer = null;
  #asked = 0;

  /** `told` is {problem, model, names, shape, validation, pictures}. */
  constructor(panel, told) {
    this.#panel = panel;
    this.#told = told;
    if (told.pictures) this.#listenToPictures();
    else this.#listenToNumbers();
    const number = this.#find("#try-number");
    number.addEventListener("change", () => number.reportValidity() && this.takeExample(Number(number.value)));
    this.#find("[data-another]").addEventListener("click", () => {
      this.takeExample(Math.floor(Math.random() * told.validation));
    });
    this.takeExample(0);
  }

  /** Show a validation example and ask what it is. */
  async takeExample(number) {
    this.#find("#try-number").value = number;
    const turn = (this.#asked += 1);
    try {
      const example = await fetchJson(this.#panel.dataset.examples.replace(/0\.json$/, `${number}.json`));
      if (turn !== this.#asked) return;
      this.#label = example.label;
      this.#file = null;
      this.#show(example.values);
      await this.#ask();
    } catch (error) {
      if (turn === this.#asked) this.#fail(error);
    }
  }

  #find(selector) {
    return this.#panel.querySelector(selector);
  }

  #show(values) {
    if (this.#drawing) {
      this.#drawing.values = values;
    } else {
      this.#find("textarea").value = values.join(" ");
      this.#count(values);
    }
  }

  #listenToPictures() {
    const drawing = new Drawing(this.#find(".try-board"), this.#find(".try-cell"), this.#told.shape);
    this.#drawing = drawing;
    const changed = (wait) => () => {
      this.#label = null;
      this.#file = null;
      this.#askSoon(wait);
    };
    drawing.addEventListener("draw", changed(EVERY));
    drawing.addEventListener("drawn", changed(0));
    for (const button of this.#panel.querySelectorAll("[data-tool]")) {
      button.addEventListener("click", () => {
        drawing.isErasing = button.dataset.tool === "erase";
        for (const one of this.#panel.querySelectorAll("[data-tool]")) one.setAttribute("aria-pressed", String(one === button));
      });
    }
    this.#find(".try-size input").addEventListener("input", (event) => (drawing.brush = Number(event.target.value)));
    this.#find("[data-clear]").addEventListener("click", () => drawing.clear());
    this.#find("input[type=color]")?.addEventListener("input", (event) => {
      drawing.colour = event.target.value.match(/[0-9a-f]{2}/gi).map((digits) => parseInt(digits, 16));
    });
    const input = this.#find(".try-file input");
    input.addEventListener("change", () => {
      [this.#file] = input.files;
      this.#sendPicture();
      input.value = ""; // so that the same name can be chosen again when the file has changed
    });
    this.#find("[data-invert]").addEventListener("change", () => this.#file && this.#sendPicture());
  }

  #listenToNumbers() {
    this.#find("textarea").addEventListener("input", (event) => {
      const values = readNumbers(event.target.value);
      this.#label = null;
      if (this.#count(values)) this.#askSoon(EVERY);
    });
  }

  // Says how many numbers there are, and whether the model can take them.
  #count(values) {
    const [channels, height, width] = this.#told.shape;
    const wanted = channels * height * width;
    const wrong = values.find((value) => !Number.isInteger(value) || value < 0 || value > 255);
    let words = `${group(values.length)} of ${group(wanted)} numbers`;
    if (wrong !== undefined) words += `; ${Number.isNaN(wrong) ? "one entry" : wrong} is no whole number from 0 to 255`;
    this.#find("#try-count").textContent = words;
    return values.length === wanted && wrong === undefined;
  }

  #askSoon(wait) {
    if (wait === 0) {
      clearTimeout(this.#timer);
      this.#timer = null;
      this.#ask();
    } else {
      this.#timer ??= setTimeout(() => {
        this.#timer = null;
        this.#ask();
      }, wait);
    }
  }

  async #ask() {
    const values = this.#drawing ? this.#drawing.values : readNumbers(this.#find("textarea").value);
    await this.#send(JSON.stringify({ values }), "application/json");
  }

  async #sendPicture() {
    const file = this.#file;
    this.#label = null;
    const query = this.#find("[data-invert]").checked ? "?invert=true" : "";
    const answer = await this.#send(file, file.type || "application/octet-stream", query);
    if (answer) this.#drawing.values = answer.input.flat(2);
  }

  // Only the answer to the last question is shown.
  async #send(body, type, query = "") {
    const turn = (this.#asked += 1);
    try {
      const answer = await fetchJson(this.#panel.dataset.predict + query, { method: "POST", body, headers: { "Content-Type": type } });
      if (turn !== this.#asked) return null;
      this.#say(answer);
      return answer;
    } catch (error) {
      if (turn === this.#asked) this.#fail(error);
      return null;
    }
  }

  #say({ logits, answer }) {
    const { names } = this.#told;
    const host = this.#find(".try-answer");
    const lines = [make("span", "It says"), make("b", names[answer])];
    if (this.#label !== null) {
      const agrees = this.#label === answer;
      const words = agrees ? "So says the data set." : `The data set says: ${names[this.#label]}.`;
      lines.push(make("small", words, agrees ? "try-agrees" : "try-differs"));
    }
    host.replaceChildren(...lines);
    const rows = [...this.#panel.querySelectorAll(".says-row")];
    const order = logits.map((_, i) => i);
    if (rows.length < logits.length) order.sort((a, b) => logits[b] - logits[a] || a - b);
    const [low, high] = [Math.min(...logits), Math.max(...logits)];
    rows.forEach((row, i) => {
      const number = order[i];
      row.toggleAttribute("data-first", number === answer);
      row.querySelector(".says-name").textContent = names[number];
      row.querySelector(".says-logit").textContent = group(logits[number]).replace("-", "−");
      row.querySelector(".says-value").setAttribute("width", high > low ? (100 * (logits[number] - low)) / (high - low) : 0);
    });
  }

  #fail(error) {
    this.#find(".try-answer").replaceChildren(make("span", error.message, "try-failed"));
  }
}

function make(tag, text, name = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (name) element.className = name;
  return element;
}

function readNumbers(text) {
  return text.split(/[\s,;]+/).filter(Boolean).map(Number);
}

async function fetchJson(address, options) {
  let response;
  try {
    response = await fetch(address, options);
  } catch {
    throw new Error("The site does not answer. Try again when it is there.");
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const wait = response.headers.get("Retry-After");
  throw new Error(answer.detail ?? (wait ? `Too many questions; ask again in ${wait} seconds.` : `The site refused (${response.status}).`));
}
