// The colours of the style sheet as plain values, for canvases.

const probe = document.createElement("span");
probe.hidden = true;

/** The computed colour of a custom property such as "--accent". */
export function colour(name) {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}

/** Call `redraw` whenever light and dark change places. */
export function onColourChange(redraw) {
  addEventListener("themechange", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}
