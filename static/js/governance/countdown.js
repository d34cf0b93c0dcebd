// The time to the next draw: an estimate from the pace of blocks, told every second, and set right by every block.
import { clock } from "../format.js";
import { live } from "../live.js";

function tell() {
  for (const element of document.querySelectorAll("[data-countdown]")) {
    const left = Number(element.dataset.countdown) - live.now();
    const words = left > 0 ? `in about ${clock(left)}` : "any moment, when that block comes";
    if (element.textContent !== words) element.textContent = words;
  }
}

// The estimate belongs to the page that the server drew; the topic tells when it was wrong before the page is fresh.
function follow({ draws }) {
  for (const { subject, height, seconds } of draws) {
    for (const element of document.querySelectorAll(`[data-countdown-of="${subject}"]`)) {
      if (Number(element.dataset.height) !== height) element.dataset.countdown = Math.round(live.now() + seconds);
      element.dataset.height = height;
    }
  }
}

if (document.querySelector("[data-countdown]")) {
  live.subscribe("governance", { snapshot: follow, delta: () => {} });
}
setInterval(tell, 1000);
tell();
