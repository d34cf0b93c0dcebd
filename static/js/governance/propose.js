// From a file to a signed proposal. Each step opens the next; what is done is kept, so that a reload goes on from there.
import { duration, group, percent } from "../format.js";
import { format } from "../wallet/amount.js";
import { Problem, read } from "../wallet/client.js";
import { coins, complain, element } from "../wallet/dom.js";
import { review } from "../wallet/sign_box.js";
import { FileStep, refusal } from "./file_step.js";
import * as kept from "./kept.js";
import { showReport } from "./report.js";
import { checkWritten, depositOf, explainFloor, guessError, isSameForTrials, prefill, readTerms, writeTerms } from "./terms.js";
import { isOver, judge, showVerdict, TrialPicture } from "./trials.js";
import * as client from "./upload_client.js";
import { many } from "./words.js";

const STEPS = ["file", "options", "report", "terms", "trial", "sign", "done"];
const POLL_MS = 1000;
const PATIENCE = 15; // seconds after which a dry run that nobody has begun is explained
const GIVE_UP = 120; // seconds without any news
const UNKNOWN = 1310; // the code of an upload that is gone

const root = document.querySelector("[data-propose]");
const find = (selector) => root.querySelector(selector);
const fault = (step) => find(`[data-problem="${step}"]`);

class Proposal {
  #file = new FileStep(find, Number(root.dataset.maxBytes));
  #picture = new TrialPicture(find("[data-trials]"), root.dataset.glyph);
  #kept = null; // {id, token, piece_bytes, terms?, trialTerms?, options?}
  #upload = null; // the site's last word on it
  #written = null;
  #parameters = null;
  #timer = null;
  #asked = 0; // when the dry run was asked for, and when it last had news, in milliseconds
  #heard = 0;
  #news = "";

  constructor() {
    this.#file.addEventListener("chosen", () => this.#begin());
    this.#file.addEventListener("complete", () => this.#onComplete());
    this.#file.addEventListener("columns", () => this.#showColumns());
    this.#file.addEventListener("refused", () => (find("[data-over]").hidden = false));
    find("[data-over]").addEventListener("click", () => this.#startOver());
    find("[data-another]").addEventListener("click", () => this.#forget());
    find("[data-run]").addEventListener("click", () => this.#askTrials());
    find("[data-sign]").addEventListener("click", () => this.#sign());
    const [options, terms] = [find('[data-part="options"]'), find('[data-part="terms"]')];
    options.addEventListener("submit", (event) => this.#onForm(event, "options", () => this.#convert()));
    terms.addEventListener("submit", (event) => this.#onForm(event, "terms", () => this.#checkTerms()));
    terms.addEventListener("input", () => this.#onTermsTyped());
  }

  async start() {
    this.#parameters = await read("/api/v1/parameters");
    this.#kept = kept.load();
    if (!this.#kept) return;
    try {
      await this.#refresh();
    } catch (error) {
      if (error.code !== UNKNOWN) return complain(fault("file"), error);
      kept.save(null);
      this.#kept = null;
      return complain(fault("file"), "The upload of your last visit is gone: they are kept for a day. Choose the file again.");
    }
    this.#recall();
  }

  #recall() {
    find("[data-resumed]").hidden = false;
    find("[data-resumed-words]").textContent = `It is ${this.#upload.filename}. Go on with it, or start over.`;
    this.#file.recall({ ...this.#upload, token: this.#kept.token });
    find("[data-over]").hidden = false;
    if (this.#kept.terms) writeTerms(find('[data-part="terms"]'), this.#kept.terms);
    if (this.#upload.received === this.#upload.bytes) this.#follow();
  }

  async #begin() {
    complain(fault("file"), null);
    try {
      if (this.#kept?.id) await client.drop(this.#kept).catch(() => {}); // it goes by itself within a day
      const begun = await client.begin(this.#file.file.name.slice(-200), this.#file.file.size);
      this.#keep({ id: begun.id, token: begun.token, options: this.#kept?.options });
      this.#upload = begun;
      find("[data-over]").hidden = false;
      this.#file.send(begun);
      this.#open("options");
    } catch (error) {
      complain(fault("file"), refusal(error));
    }
  }

  async #onComplete() {
    await this.#refresh();
    this.#follow();
  }

  #keep(changes) {
    this.#kept = { ...this.#kept, ...changes };
    kept.save(this.#kept);
  }

  async #refresh() {
    this.#upload = await client.readState(this.#kept);
  }

  // What the site's state of the upload means for the page.
  async #follow() {
    clearTimeout(this.#timer);
    const { state, refused } = this.#upload;
    const isAtWork = state === "queued" || state === "converting";
    find("[data-converting]").hidden = !isAtWork;
    find("[data-converting-words]").textContent = state === "queued" ? "It waits for its turn." : "It is read, checked and turned into bytes.";
    find("[data-convert]").disabled = isAtWork || this.#upload.received < this.#upload.bytes;
    if (isAtWork) {
      this.#open("options");
      return this.#later(() => this.#follow());
    }
    if (state === "refused") return this.#showRefused(refused);
    if (state === "ready") return this.#showReady();
    this.#open("options");
  }

  #later(then) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      try {
        await this.#refresh();
      } catch (error) {
        if (!(error instanceof client.Offline) && !(error.status >= 500 || error.status === 429)) return complain(fault("file"), refusal(error));
      }
      then();
    }, POLL_MS);
  }

  // The site has dropped the file; this page has it still, if it was not reloaded, and sends it again when asked.
  #showRefused(refused) {
    this.#open("options");
    find("[data-convert]").disabled = true;
    const { file } = this.#file;
    complain(fault("options"), refusal({ code: refused.code, detail: refused.detail }));
    const again = file && element("button", { type: "button", class: "button", click: () => this.#begin().then(() => complain(fault("options"), null)) }, "Send the same file with other options");
    const other = element("button", { type: "button", class: "button", click: () => this.#startOver() }, "Choose another file");
    fault("options").append(element("div", { class: "buttons ways-out" }, ...[again, other].filter(Boolean)));
  }

  #showColumns() {
    find("#columns").replaceChildren(...this.#file.columns.map((name) => element("option", { value: name })));
    const names = this.#file.columns;
    find("[data-columns]").textContent = names.length ? `The table has ${many(names.length, "column")}: ${names.slice(0, 12).join(", ")}${names.length > 12 ? "…" : ""}.` : "";
  }

  async #convert() {
    const { elements } = find('[data-part="options"]');
    const options = {
      label: elements.label.value.trim(),
      validation_ppm: Math.round(Number(elements.share.value) * 10000),
      size: Number(elements.size.value),
      grey: elements.grey.checked,
    };
    this.#keep({ options });
    this.#upload = await client.convert(this.#kept, options);
    this.#close("report");
    this.#follow();
  }

  async #showReady() {
    this.#open("report");
    try {
      await showReport(find("[data-report]"), this.#upload);
      const form = find('[data-part="terms"]');
      prefill(form, await client.readTerms(this.#kept));
    } catch (error) {
      return complain(fault("options"), refusal(error));
    }
    this.#open("terms");
    this.#onTermsTyped();
    if (this.#upload.trials.length) {
      this.#open("trial");
      this.#asked = this.#heard = Date.now();
      this.#watchTrials();
    }
  }

  #onTermsTyped() {
    const form = find('[data-part="terms"]');
    const terms = readTerms(form);
    if (!this.#upload?.report?.classes) return;
    const { words, isBad } = explainFloor(this.#upload.report, terms);
    const place = find("[data-floor-words]");
    place.textContent = words;
    place.classList.toggle("is-bad", isBad);
    this.#keep({ terms });
    this.#written = null;
    this.#close("sign");
    this.#showVerdict();
  }

  async #checkTerms() {
    const terms = readTerms(find('[data-part="terms"]'));
    const written = await client.writeManifest(this.#kept, terms);
    const manifest = checkWritten(written, terms, this.#upload, this.#parameters);
    this.#written = { ...written, manifest, deposit: depositOf(this.#upload.data_bytes, this.#parameters) };
    this.#open("trial");
    this.#showVerdict();
    this.#showSummary();
    this.#open("sign");
  }

  #showSummary() {
    find("[data-summary]").replaceChildren(...this.#lines().map((words) => element("li", {}, words)));
    find("[data-manifest]").textContent = JSON.stringify(this.#written.manifest, null, 1);
  }

  #lines() {
    const { manifest, deposit } = this.#written;
    const blocks = Number(root.dataset.proposalBlocks);
    return [
      element("span", {}, `You propose «${manifest.title}»: ${many(manifest.train, "example")} to learn from, ${group(manifest.validation)} to be judged by, ${manifest.classes} classes.`),
      element("span", {}, "You deposit ", coins(format(deposit, { isGrouped: true })), ". It comes back when the proposal is drawn, or when it ends after ", `${group(blocks)} blocks (about ${duration(blocks * Number(root.dataset.blockSeconds))}) without.`),
      `An error above ${percent(manifest.floor_error)} does not count. Networks take ${group(manifest.min_macs)} to ${group(manifest.max_macs)} multiply-accumulates and at most ${group(manifest.max_parameters)} parameters.`,
      `Everybody may copy the data, under the licence ${manifest.licence}. Nothing of this can be changed afterwards.`,
    ];
  }

  async #askTrials() {
    complain(fault("trial"), null);
    const button = find("[data-run]");
    button.disabled = true;
    try {
      const terms = readTerms(find('[data-part="terms"]'));
      this.#upload = await client.beginTrials(this.#kept, terms);
      this.#keep({ trialTerms: terms });
      this.#asked = this.#heard = Date.now();
      this.#watchTrials();
    } catch (error) {
      complain(fault("trial"), refusal(error));
      button.disabled = false;
    }
  }

  #watchTrials() {
    const { trials } = this.#upload;
    const news = JSON.stringify(trials.map((trial) => [trial.state, trial.curve.length]));
    if (news !== this.#news) this.#heard = Date.now();
    this.#news = news;
    this.#picture.show(trials, { ...this.#measures(), shape: this.#upload.shape, classes: this.#upload.report.classes.length });
    this.#showVerdict();
    const quiet = (Date.now() - this.#heard) / 1000;
    const isDone = this.#isComplete() || quiet > GIVE_UP;
    find("[data-run]").disabled = !isDone;
    if (!trials.length && quiet > PATIENCE) complain(fault("trial"), quiet > GIVE_UP ? "No worker has taken it up. Start one on this site's machine, or try again later; a proposal needs no dry run." : "It waits for a worker; mining workers take it up between two trainings.");
    else complain(fault("trial"), null);
    if (!isDone) this.#later(() => this.#watchTrials());
  }

  #isComplete() {
    const { trials, trials_wanted: wanted } = this.#upload;
    return trials.length > 0 && trials.length >= wanted && trials.every(isOver);
  }

  #measures() {
    const terms = this.#kept.trialTerms ?? readTerms(find('[data-part="terms"]'));
    return { guess: guessError(this.#upload.report, terms.metric), floor: readTerms(find('[data-part="terms"]')).floor_error };
  }

  #showVerdict() {
    const { trials } = this.#upload;
    if (!trials.length) return showVerdict(find("[data-verdict]"), null);
    const now = readTerms(find('[data-part="terms"]'));
    const isOld = this.#kept.trialTerms && !isSameForTrials(now, this.#kept.trialTerms);
    const verdict = judge(trials, { ...this.#measures(), isComplete: this.#isComplete() });
    if (verdict && isOld) verdict.words += " That was under other sizes or another metric than the form says now: run it again.";
    showVerdict(find("[data-verdict]"), verdict);
  }

  async #sign() {
    complain(fault("sign"), null);
    try {
      const content = this.#written.content;
      const sent = await review({ kind: "propose", body: { subject: "problem", content }, lines: this.#lines(), title: "Propose a problem" });
      if (sent) this.#showDone(sent.txid);
    } catch (error) {
      complain(fault("sign"), error);
    }
  }

  #showDone(txid) {
    clearTimeout(this.#timer);
    kept.save(null);
    for (const step of STEPS) find(`[data-part="${step}"]`).hidden = step !== "done";
    find("[data-resumed]").hidden = true;
    find("[data-proposal-link]").href = `/proposals/${txid}/`;
    find("[data-transaction-link]").href = `/transactions/${txid}/`;
    this.#mark("sign");
    find('[data-part="done"]').scrollIntoView({ block: "nearest" });
  }

  async #startOver() {
    const upload = this.#kept;
    this.#forget();
    try {
      if (upload) await client.drop(upload);
    } catch (error) {
      if (error.code !== UNKNOWN) complain(fault("file"), `The upload could not be dropped (${error.message}); it goes by itself within a day.`);
    }
  }

  #forget() {
    clearTimeout(this.#timer);
    kept.save(null);
    Object.assign(this.#file, { file: null, columns: [] });
    this.#kept = this.#upload = this.#written = null;
    this.#file.reset();
    for (const step of STEPS) {
      if (fault(step)) complain(fault(step), null);
      find(`[data-part="${step}"]`).hidden = step !== "file";
    }
    for (const form of root.querySelectorAll("form")) form.reset();
    find("[data-resumed]").hidden = true;
    find("[data-over]").hidden = true;
    find("[data-run]").disabled = false;
    showVerdict(find("[data-verdict]"), null);
    this.#picture.show([], { guess: 1, floor: 1, shape: [], classes: 0 });
    this.#mark("file");
  }

  #open(step) {
    find(`[data-part="${step}"]`).hidden = false;
    this.#mark(step);
  }

  // This step and those behind it are open no more.
  #close(step) {
    for (const later of STEPS.slice(STEPS.indexOf(step))) find(`[data-part="${later}"]`).hidden = true;
  }

  #mark(step) {
    for (const item of root.querySelectorAll(".steps li")) item.toggleAttribute("aria-current", false);
    root.querySelector(`.steps [data-step="${step}"]`)?.setAttribute("aria-current", "step");
  }

  async #onForm(event, step, work) {
    event.preventDefault();
    const button = event.target.querySelector("[type=submit]");
    complain(fault(step), null);
    button.disabled = true;
    try {
      await work();
    } catch (error) {
      complain(fault(step), error instanceof Problem ? refusal(error) : error);
    } finally {
      if (step !== "options") button.disabled = false;
      else button.disabled = ["queued", "converting"].includes(this.#upload?.state);
    }
  }
}

new Proposal().start().catch((error) => complain(fault("file"), error));
