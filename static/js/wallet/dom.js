// Elements made by script: text is always text, never markup.
import { ago, short } from "../format.js";
import { live } from "../live.js";
import { config } from "./config.js";

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes (false leaves one out, functions listen to events) and children. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value !== false && value !== undefined) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

/** An icon of the sprite; a word stands beside it. */
export function icon(name, extra = "") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", `icon ${extra}`.trim());
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${config.sprite}#${name}`);
  svg.append(use);
  return svg;
}

/** A state: colour, sign and words. */
export function state(colour, sign, words) {
  return element("span", { class: `state state-${colour}` }, icon(sign), element("span", {}, words));
}

/** An identifier with a link and a button that copies it. */
export function hash(text, { url = null, name = "", isFull = false } = {}) {
  const shown = name || (isFull ? text : short(text));
  const words = element("span", { "data-full": text }, shown);
  return element(
    "span",
    { class: isFull ? "hash-full" : name ? "named" : "hash" },
    url ? element("a", { href: url, title: text }, words) : element("span", { title: text }, words),
    element(
      "button",
      { type: "button", class: "copy", "data-copy": text, "aria-label": `Copy ${short(text)}`, title: "Copy" },
      icon("copy", "icon-copy"),
      icon("check", "icon-done"),
    ),
  );
}

/** An amount in CAI, its unit beside it. */
export function coins(text) {
  return element("span", { class: "nowrap" }, element("span", { class: "num" }, text), element("span", { class: "unit" }, "CAI"));
}

/** A moment, told as time ago and kept right by site.js. */
export function since(unix) {
  const exact = new Date(unix * 1000).toISOString();
  const title = exact.replace("T", " ").replace(/\.\d+Z/, " UTC");
  return element("time", { datetime: exact, "data-unix": Math.floor(unix), title }, ago(live.now() - unix));
}

/** Show what went wrong below a field or form, or nothing. */
export function complain(place, problem) {
  place.replaceChildren();
  if (!problem) return;
  const text = typeof problem === "string" ? problem : problem.message;
  place.append(icon("alert-triangle"), element("span", {}, text));
  if (problem.code) place.append(element("span", { class: "quiet" }, ` Code ${problem.code}.`));
}

/** Let the browser save a text as a file. */
export function save(name, text, type = "application/json") {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = element("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/** Do something slow for a form: its buttons wait, a bar shows how far it is. */
export async function busy(form, work) {
  const bar = form.querySelector("progress");
  const buttons = [...form.querySelectorAll("button")].filter((button) => !button.disabled);
  for (const button of buttons) button.disabled = true;
  form.setAttribute("aria-busy", "true");
  const report = (share) => {
    if (bar) {
      bar.hidden = false;
      bar.value = share;
    }
  };
  try {
    return await work(report);
  } finally {
    for (const button of buttons) button.disabled = false;
    form.removeAttribute("aria-busy");
    if (bar) bar.hidden = true;
  }
}
