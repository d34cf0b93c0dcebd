// The walk from hash to network. The page holds every step; this shows the state after `k` choices, and does the
// arithmetic of each choice again, so that what is shown is computed here and not only told.

const PLAY_MS = 900;

export class Walk {
  #section;
  #steps;
  #rows;
  #layers;
  #bites;
  #rules;
  #position;
  #timer = null;

  constructor(section) {
    this.#section = section;
    this.#steps = [...section.querySelectorAll("tr[data-before]")].map((row) => ({
      row,
      before: BigInt(`0x${row.dataset.before}`),
      options: Number(row.dataset.options),
      taken: Number(row.dataset.taken),
      name: row.dataset.name,
      isRefilled: row.dataset.refilled === "1",
      left: Number(row.dataset.left),
    }));
    this.#rows = [...section.querySelectorAll(".tree-row")].map((element) => ({
      element,
      appears: Number(element.dataset.appears),
      expands: Number(element.dataset.expands),
      isName: element.classList.contains("tree-name"),
      isSpaced: "spaced" in element.dataset,
      label: element.querySelector(".tree-label").textContent,
      choice: Number(element.dataset.choice ?? 0),
    }));
    this.#layers = [...section.querySelectorAll(".walk-layer")];
    this.#bites = [...section.querySelectorAll(".bite")];
    this.#rules = new Map([...section.querySelectorAll(".rule")].map((rule) => [rule.dataset.rule, rule]));
    this.#position = this.#steps.length;
    // Without script a link to a step leads to its row in the table; with script, to the walk at that step.
    for (const step of this.#steps) step.row.removeAttribute("id");
    this.#listen();
    this.#followLink();
  }

  get #last() {
    return this.#steps.length;
  }

  #listen() {
    const actions = {
      first: () => this.#stopAt(0),
      back: () => this.#stopAt(this.#position - 1),
      next: () => this.#stopAt(this.#position + 1),
      last: () => this.#stopAt(this.#last),
      play: () => (this.#timer ? this.#stop() : this.#play()),
    };
    for (const button of this.#section.querySelectorAll("[data-walk]")) {
      button.addEventListener("click", actions[button.dataset.walk]);
    }
    this.#section.querySelector("input[type=range]").addEventListener("input", (event) => this.#stopAt(Number(event.target.value)));
    this.#section.addEventListener("click", (event) => {
      const bite = event.target.closest(".bite");
      if (!bite) return;
      event.preventDefault();
      this.#stopAt(Number(bite.dataset.step));
    });
    this.#section.addEventListener("keydown", (event) => {
      if (event.target.matches("input, summary, .tree") || event.altKey || event.ctrlKey || event.metaKey) return;
      const key = { ArrowLeft: "back", ArrowRight: "next", Home: "first", End: "last" }[event.key];
      if (!key) return;
      event.preventDefault();
      actions[key]();
    });
    addEventListener("hashchange", () => this.#followLink());
  }

  #followLink() {
    const match = /^#step-(\d+)$/.exec(location.hash);
    if (match) {
      this.#go(Number(match[1]));
      this.#section.querySelector("details").open = false;
      requestAnimationFrame(() => this.#section.scrollIntoView({ block: "start" }));
    } else {
      this.#go(this.#position);
    }
  }

  #play() {
    if (this.#position >= this.#last) this.#go(0);
    this.#timer = setInterval(() => {
      this.#go(this.#position + 1);
      if (this.#position >= this.#last) this.#stop();
    }, PLAY_MS);
    this.#tellPlaying();
  }

  #stop() {
    clearInterval(this.#timer);
    this.#timer = null;
    this.#tellPlaying();
    this.#keepLink();
  }

  #stopAt(position) {
    if (this.#timer) this.#stop();
    this.#go(position);
    this.#keepLink();
  }

  #keepLink() {
    const address = this.#position === this.#last ? location.pathname : `#step-${this.#position}`;
    history.replaceState(null, "", address);
  }

  #tellPlaying() {
    const button = this.#section.querySelector("[data-walk=play]");
    button.toggleAttribute("data-playing", this.#timer !== null);
    button.setAttribute("aria-label", this.#timer ? "Pause" : "Play");
  }

  #go(position) {
    this.#position = Math.max(0, Math.min(this.#last, position));
    const step = this.#position ? this.#steps[this.#position - 1] : null;
    this.#showNumber(step);
    this.#showTree();
    this.#showRule(step);
    for (const layer of this.#layers) layer.toggleAttribute("data-waiting", Number(layer.dataset.step) > this.#position);
    for (const bite of this.#bites) {
      const number = Number(bite.dataset.step);
      bite.toggleAttribute("data-eaten", number <= this.#position);
      if (number === this.#position) bite.setAttribute("aria-current", "step");
      else bite.removeAttribute("aria-current");
    }
    this.#steps.forEach((one, i) => one.row.toggleAttribute("data-current", i + 1 === this.#position));
    this.#section.querySelector("input[type=range]").value = this.#position;
    this.#section.querySelector(".walk-position").textContent = `choice ${this.#position} of ${this.#last}`;
    this.#allow(["first", "back"], this.#position > 0);
    this.#allow(["next", "last"], this.#position < this.#last);
  }

  // Not `disabled`: a button that has the focus would lose it, and with it the arrow keys.
  #allow(names, isAllowed) {
    for (const name of names) this.#section.querySelector(`[data-walk=${name}]`).setAttribute("aria-disabled", String(!isAllowed));
  }

  // m mod n and m / n, computed here from m.
  #showNumber(step) {
    const digits = this.#section.querySelector(".number-digits");
    const sum = this.#section.querySelector(".number-sum");
    const left = step ? step.left : 512;
    const after = step ? step.before / BigInt(step.options) : BigInt(`0x${digits.dataset.seed}`);
    const text = after.toString(16);
    digits.textContent = text;
    this.#section.querySelector(".number-rest").setAttribute("width", left);
    const eaten = this.#section.querySelector(".number-eaten");
    eaten.setAttribute("x", left);
    eaten.setAttribute("width", 512 - left);
    this.#section.querySelector("[data-left]").textContent = `${left.toFixed(1)} bits left`;
    if (!step) {
      sum.textContent = "m = the hash. Nothing is chosen yet.";
      return;
    }
    const remainder = Number(step.before % BigInt(step.options));
    const agrees = remainder === step.taken ? "" : ` (the server says ${step.taken})`;
    const refill = step.isRefilled ? "m was used up and hashed anew. " : "";
    sum.textContent = `${refill}m mod ${step.options} = ${remainder}${agrees}, so <${step.name}> takes alternative ${remainder}; then m = ⌊m / ${step.options}⌋.`;
  }

  #showTree() {
    const words = [];
    let isSeparated = false;
    let current = null;
    for (const row of this.#rows) {
      const isShown = row.appears <= this.#position;
      const isOpen = row.isName && row.expands > this.#position;
      row.element.hidden = !isShown;
      row.element.toggleAttribute("data-open", isOpen);
      row.element.removeAttribute("data-current");
      row.element.toggleAttribute("data-new", row.choice !== 0 && row.choice === this.#position);
      if (!isShown) continue;
      isSeparated ||= row.isSpaced;
      if (!isOpen && row.isName) continue;
      if (isOpen && !current) current = row.element;
      words.push([isSeparated && words.length ? " " : "", row.label, isOpen]);
      isSeparated = false;
    }
    current?.setAttribute("data-current", "");
    this.#showText(words);
    const tree = this.#section.querySelector(".tree");
    const mark = this.#section.querySelector(".tree-row[data-new]");
    if (mark) {
      const offset = mark.offsetTop - tree.offsetTop;
      if (offset < tree.scrollTop || offset > tree.scrollTop + tree.clientHeight - 60) tree.scrollTop = offset - tree.clientHeight / 2;
    }
  }

  #showText(words) {
    const host = this.#section.querySelector(".walk-text");
    host.replaceChildren(
      ...words.flatMap(([blank, label, isOpen]) => {
        if (!isOpen) return [`${blank}${label}`];
        const name = document.createElement("span");
        name.className = "walk-open";
        name.textContent = label;
        return [blank, name];
      }),
    );
  }

  #showRule(step) {
    for (const rule of this.#rules.values()) {
      rule.removeAttribute("data-current");
      for (const alternative of rule.querySelectorAll("[data-taken]")) alternative.removeAttribute("data-taken");
    }
    const rule = step && this.#rules.get(step.name);
    if (!rule) return;
    rule.setAttribute("data-current", "");
    rule.querySelector(`[data-alternative="${step.taken}"]`)?.setAttribute("data-taken", "");
  }
}
