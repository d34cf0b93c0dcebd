// Fields that say what is wrong while somebody types: addresses with the place of the error, amounts, passphrases.
import { check } from "../address.js";
import { parse } from "../amount.js";
import { complain, element } from "../dom.js";
import { MIN_PASSPHRASE } from "../keystore.js";
import { describeStrength, suggest } from "./passphrase.js";

let count = 0;

/**
 * Let an input check its address: {value, problem, isRight(), clear()}. While the text could still become an address
 * nothing is said about its length; `names` maps contacts' names to addresses, which may be typed instead.
 */
export function checkWhileTyping(input, { names = new Map(), onChange = () => {} } = {}) {
  const problem = element("p", { class: "problem", id: `address-problem-${(count += 1)}`, role: "alert" });
  input.setAttribute("aria-describedby", problem.id);
  input.after(problem);
  const resolve = () => names.get(input.value.trim().toLowerCase()) ?? input.value.trim();
  const look = (isFinal) => {
    const found = check(resolve());
    const isUnfinished = !isFinal && (found.reason === "empty" || (found.reason === "wrong_length" && resolve().length < 42) || isBeginOfName(names, input.value));
    show(input, problem, found.ok || isUnfinished ? null : found, resolve());
    return found.ok;
  };
  input.addEventListener("input", () => {
    look(false);
    onChange();
  });
  input.addEventListener("change", () => input.value.trim() && look(true));
  return {
    problem,
    get value() {
      return resolve();
    },
    isRight: () => look(true),
    clear: () => show(input, problem, null, ""),
  };
}

function isBeginOfName(names, text) {
  const typed = text.trim().toLowerCase();
  return [...names.keys()].some((name) => name.startsWith(typed));
}

function show(input, problem, found, text) {
  input.toggleAttribute("aria-invalid", Boolean(found));
  if (found) input.setAttribute("aria-invalid", "true");
  complain(problem, found ? found.says : null);
  if (found?.positions.length) problem.append(marked(text, found.positions));
}

/** The text with the wrong characters marked. */
export function marked(text, positions) {
  const wrong = new Set(positions);
  const parts = [...text].map((sign, i) => (wrong.has(i) ? element("mark", {}, sign) : sign));
  return element("code", { class: "fault" }, ...parts);
}

/** The base units of an amount field; null, with the reason below it, when it is none. */
export function readAmount(input, problem) {
  try {
    const units = parse(input.value);
    if (units < 1) throw new Error("The smallest amount is 0.00000001 CAI.");
    input.removeAttribute("aria-invalid");
    complain(problem, null);
    return units;
  } catch (error) {
    input.setAttribute("aria-invalid", "true");
    complain(problem, error.message);
    return null;
  }
}

/** The two fields of a new passphrase in a form: a function that returns it, or null and says why. */
export function newPassphrase(form) {
  const [first, again] = [form.querySelector("[data-new-passphrase]"), form.querySelector("[data-new-passphrase-again]")];
  const problem = form.querySelector("[data-passphrase-problem]");
  const meter = form.querySelector("[data-strength]");
  first.addEventListener("input", () => {
    const { score, words } = describeStrength(first.value);
    meter.value = score;
    form.querySelector("[data-strength-words]").textContent = words;
    complain(problem, null);
  });
  form.querySelector("[data-suggest]").addEventListener("click", () => {
    form.querySelector("[data-suggested]").textContent = suggest();
  });
  return () => {
    const say = (words) => {
      complain(problem, words);
      return null;
    };
    if ([...first.value].length < MIN_PASSPHRASE) return say(`A passphrase has at least ${MIN_PASSPHRASE} characters.`);
    if (describeStrength(first.value).score === 0) return say("That would be guessed at once. Take several random words.");
    if (first.value !== again.value) return say("The two are not the same.");
    return first.value;
  };
}
