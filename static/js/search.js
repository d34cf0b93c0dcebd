// Suggestions below the search field while somebody types: a combobox with a list, worked by keyboard or pointer.
// Without script the field is a plain form, and its page shows the same.

const PAUSE = 150;
const MOST = 8;
const WORDS = { block: "Block", transaction: "Transaction", address: "Address", member: "Member", keeper: "Keeper", model: "Model", problem: "Problem", grammar: "Grammar" };

function make(tag, className, text) {
  const element = document.createElement(tag);
  element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

class Finder {
  #form;
  #input;
  #list;
  #status = make("p", "visually-hidden");
  #hits = [];
  #active = -1;
  #timer = null;
  #request = null;
  #asked = "";

  constructor(form, number) {
    this.#form = form;
    this.#input = form.querySelector("input");
    this.#list = make("div", "found");
    this.#list.id = `found-${number}`;
    this.#list.hidden = true;
    this.#list.setAttribute("role", "listbox");
    this.#list.setAttribute("aria-label", "Suggestions");
    this.#status.setAttribute("role", "status");
    this.#form.append(this.#list, this.#status);
    const input = this.#input;
    input.setAttribute("role", "combobox");
    input.setAttribute("aria-autocomplete", "list");
    input.setAttribute("aria-expanded", "false");
    input.setAttribute("aria-controls", this.#list.id);
    input.addEventListener("input", () => this.#plan());
    input.addEventListener("keydown", (event) => this.#press(event));
    input.addEventListener("focus", () => this.#hits.length && this.#input.value.trim() === this.#asked && this.#open());
    form.addEventListener("focusout", (event) => form.contains(event.relatedTarget) || this.#close());
    this.#list.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
    this.#list.addEventListener("click", (event) => this.#take(event.target.closest("[role=option]")));
    form.addEventListener("submit", (event) => this.#submit(event));
  }

  focus() {
    this.#input.focus();
    this.#input.select();
  }

  get isShown() {
    return this.#form.offsetParent !== null;
  }

  #plan() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), PAUSE);
  }

  async #ask() {
    const query = this.#input.value.trim();
    this.#request?.abort();
    this.#asked = query;
    if (!query) return this.#show([]);
    const request = new AbortController();
    this.#request = request;
    try {
      const address = `/api/v1/search?${new URLSearchParams({ q: query, limit: MOST })}`;
      const response = await fetch(address, { signal: request.signal });
      if (!response.ok) return this.#show([]); // the page of results says what is wrong
      const { items } = await response.json();
      if (query === this.#input.value.trim()) this.#show(items);
    } catch {
      // Another letter came, or the server is away: what is shown stays.
    }
  }

  #show(hits) {
    this.#hits = hits;
    this.#active = -1;
    this.#input.removeAttribute("aria-activedescendant");
    this.#list.replaceChildren(...hits.map((hit, i) => this.#option(hit, i)));
    const isBeginning = !hits.length && "cai1".startsWith(this.#asked.toLowerCase());
    if (!this.#asked || isBeginning || document.activeElement !== this.#input) return this.#close();
    if (!hits.length) this.#list.append(make("p", "found-none", "Nothing is called or begins like this."));
    this.#status.textContent = hits.length ? `${hits.length} suggestion${hits.length === 1 ? "" : "s"}` : "No suggestion";
    this.#open();
  }

  #option(hit, number) {
    const option = make("div", "found-option");
    option.id = `${this.#list.id}-${number}`;
    option.dataset.number = number;
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", "false");
    const label = hit.label.replace(/^(Block|Transaction|Address|Model|Problem|Grammar) /, "");
    option.append(make("span", "found-kind", WORDS[hit.kind] ?? hit.kind), make("span", "found-label", label), make("span", "found-detail", hit.detail));
    return option;
  }

  #open() {
    this.#list.hidden = false;
    // A list box without options is none: what it then says is a text.
    this.#list.setAttribute("role", this.#hits.length ? "listbox" : "presentation");
    this.#input.setAttribute("aria-expanded", String(this.#hits.length > 0));
  }

  #close() {
    this.#list.hidden = true;
    this.#choose(-1);
    this.#input.setAttribute("aria-expanded", "false");
  }

  #choose(number) {
    this.#active = number;
    this.#list.querySelectorAll("[role=option]").forEach((option, i) => {
      option.setAttribute("aria-selected", String(i === number));
      if (i === number) option.scrollIntoView({ block: "nearest" });
    });
    if (number < 0) this.#input.removeAttribute("aria-activedescendant");
    else this.#input.setAttribute("aria-activedescendant", `${this.#list.id}-${number}`);
  }

  #press(event) {
    const count = this.#hits.length;
    if (event.key === "Escape" && !this.#list.hidden) {
      this.#close();
      event.preventDefault();
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && count) {
      event.preventDefault();
      if (this.#list.hidden) this.#open();
      // From the last one on, and from the first one back, to the field itself.
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.#choose(((this.#active + step + 1 + count + 1) % (count + 1)) - 1);
    }
  }

  #submit(event) {
    if (this.#active >= 0) {
      event.preventDefault();
      this.#go(this.#hits[this.#active].url);
    } else if (!this.#input.value.trim()) {
      event.preventDefault();
      this.#input.focus();
    }
  }

  #take(option) {
    if (option) this.#go(this.#hits[Number(option.dataset.number)].url);
  }

  #go(url) {
    this.#close();
    location.assign(url);
  }
}

const finders = [...document.querySelectorAll("[data-find]")].map((form, i) => new Finder(form, i));

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  const finder = finders.find((one) => one.isShown);
  if (!finder) return;
  event.preventDefault();
  finder.focus();
});
