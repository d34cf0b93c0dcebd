// On every page: the theme switch, copying, times that stay right, the dot that says whether the page is live.
import { ago, group } from "./format.js";
import "./fresh.js";
import { live } from "./live.js";

const root = document.documentElement;

function switchTheme() {
  const next = { system: "light", light: "dark", dark: "system" }[root.dataset.choice];
  root.dataset.choice = next;
  if (next === "system") delete root.dataset.theme;
  else root.dataset.theme = next;
  try {
    if (next === "system") localStorage.removeItem("coinai-theme");
    else localStorage.setItem("coinai-theme", next);
  } catch {
    // Storage is forbidden here: the choice lasts as long as the page.
  }
  nameTheme();
  dispatchEvent(new Event("themechange"));
}

function nameTheme() {
  const button = document.querySelector(".theme-switch");
  const words = { system: "as the system", light: "light", dark: "dark" }[root.dataset.choice];
  button.setAttribute("aria-label", `Colours: ${words}. Change`);
  button.title = `Colours: ${words}`;
}

async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    // No clipboard on plain http under another name: select the text, so that the keyboard can copy it.
    const text = button.parentElement.querySelector("[data-full]");
    if (text) getSelection().selectAllChildren(text);
    return;
  }
  button.dataset.done = "";
  setTimeout(() => delete button.dataset.done, 1500);
}

function tellTimes() {
  for (const element of document.querySelectorAll("time[data-unix]")) {
    const words = ago(live.now() - Number(element.dataset.unix));
    if (element.textContent !== words) element.textContent = words;
  }
}

function showLive() {
  const element = document.querySelector(".live");
  const words = { connecting: "connecting", live: "live", reconnecting: "reconnecting", behind: "catching up" }[live.state];
  element.dataset.state = live.state;
  element.querySelector(".live-words").textContent = words;
  element.title = live.lastMessage
    ? `Last message ${new Date(live.lastMessage).toLocaleTimeString()}`
    : "No message yet";
}

function watchTip() {
  const height = document.querySelector("[data-tip-height]");
  const show = (block) => {
    if (block) height.textContent = group(block.height);
  };
  live.subscribe("tip", {
    snapshot: (tip) => show(tip.blocks[0]),
    delta: (delta) => delta.kind === "connected" && show(delta.block),
  });
}

nameTheme();
// On a phone the pages are a row that scrolls: begin where this page is.
document.querySelector(".nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
document.querySelector(".theme-switch").addEventListener("click", switchTheme);
document.addEventListener("click", (event) => {
  const button = event.target.closest(".copy");
  if (button) copy(button);
});
live.addEventListener("state", showLive);
setInterval(tellTimes, 1000);
tellTimes();
showLive();
if (document.querySelector("[data-tip-height]")) watchTip();
