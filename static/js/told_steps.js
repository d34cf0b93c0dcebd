// A check of static/js/verify/ told step by step, in a list: a sign for each step, what it says, and its numbers.
const SVG = "http://www.w3.org/2000/svg";

export function make(name, className, ...children) {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/** For a state: the colour of its sign, the icon in it, and what stands beside it. */
function sign([colour, icon, word], sprite) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("class", "icon");
  drawing.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${sprite}#${icon}`);
  drawing.append(use);
  return make("span", `state state-${colour}`, drawing, make("span", "", word));
}

const row = ([name, found]) => make("div", "", make("dt", "", name), make("dd", "mono", String(found)));

/** A list, and the function that adds a step to it, as the checks of static/js/verify/ call it. */
export function tellSteps(steps, signs, sprite) {
  const list = make("ol", "draw-result");
  const tell = (id, { state, says, rows = [] }) => {
    const step = steps.find((one) => one.id === id);
    const item = make("li", "", sign(signs[state], sprite), make("strong", "", step.title), ` ${says}`);
    item.dataset.step = id;
    item.dataset.state = state;
    if (rows.length) item.append(make("dl", "", ...rows.map(row)));
    list.append(item);
  };
  return { list, tell };
}
