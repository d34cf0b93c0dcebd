// The address book: names for addresses, in this browser alone.
import { check } from "../address.js";
import { complain, element, hash, icon, save } from "../dom.js";
import * as store from "../store.js";
import { checkWhileTyping } from "./fields.js";
import { start } from "./frame.js";

const FORMAT = "coinai-contacts";
const MOST = 1000;
const find = (selector) => document.querySelector(selector);
const form = find("[data-contact]");
const [name, note, problem] = [find("#contact-name"), find("#contact-note"), find("#contact-problem")];
const field = checkWhileTyping(find("#contact-address"));
let edited = null;

async function render() {
  const rows = (await store.all("contacts")).sort((a, b) => a.name.localeCompare(b.name));
  find("[data-rows]").replaceChildren(...rows.map(draw));
  find("[data-empty]").hidden = rows.length > 0;
  find("[data-export]").disabled = rows.length === 0;
}

function draw(row) {
  const button = (words, sign, work) =>
    element("button", { type: "button", class: "icon-button", "aria-label": `${words} ${row.name}`, title: words, click: work }, icon(sign));
  return element(
    "li",
    { class: "row" },
    element("div", { class: "row-words" }, element("strong", {}, row.name), hash(row.address, { url: `/addresses/${row.address}/` }), row.note ? element("span", { class: "quiet" }, row.note) : null),
    element(
      "div",
      { class: "row-end" },
      element("a", { class: "button", href: `/wallet/send/?${new URLSearchParams({ to: row.address })}` }, "Send"),
      button("Change", "pencil", () => edit(row)),
      button("Remove", "trash", () => remove(row)),
    ),
  );
}

function edit(row) {
  edited = row;
  name.value = row.name;
  find("#contact-address").value = row.address;
  note.value = row.note;
  find("[data-form-title]").textContent = `Change ${row.name}`;
  find("[data-cancel]").hidden = false;
  name.focus();
}

function leave() {
  edited = null;
  field.clear();
  complain(problem, null);
  find("[data-form-title]").textContent = "Add somebody";
  find("[data-cancel]").hidden = true;
}

// Removed at once, and back with one click: nobody is asked twice.
async function remove(row) {
  await store.remove("contacts", row.address);
  await render();
  const back = element("button", { type: "button", class: "link" }, "Put back");
  back.addEventListener("click", async () => {
    await store.put("contacts", row);
    find("[data-import-words]").textContent = "";
    render();
  });
  find("[data-import-words]").replaceChildren(`${row.name} is removed. `, back);
}

async function keep(event) {
  event.preventDefault();
  complain(problem, null);
  if (!name.value.trim()) return complain(problem, "A contact needs a name.");
  if (!field.isRight()) return find("#contact-address").focus();
  const rows = await store.all("contacts");
  const row = { address: field.value, name: name.value.trim(), note: note.value.trim() };
  const same = rows.find((one) => one.address !== edited?.address && (one.address === row.address || one.name.toLowerCase() === row.name.toLowerCase()));
  if (same) return complain(problem, `${same.name} has that ${same.address === row.address ? "address" : "name"} already.`);
  if (edited && edited.address !== row.address) await store.remove("contacts", edited.address);
  await store.put("contacts", row);
  form.reset();
  render();
}

async function exportAll() {
  const contacts = await store.all("contacts");
  save("coinai-contacts.json", `${JSON.stringify({ format: FORMAT, version: 1, contacts }, null, 1)}\n`);
}

async function importFile(event) {
  const words = find("[data-import-words]");
  const file = event.target.files[0];
  event.target.value = "";
  if (!file) return;
  try {
    const rows = readContacts(JSON.parse(await file.text()));
    await store.put("contacts", ...rows);
    words.textContent = `${rows.length} contact${rows.length === 1 ? "" : "s"} taken over.`;
  } catch (error) {
    words.textContent = error instanceof SyntaxError ? "This file is no list of contacts: it is not JSON." : error.message;
  }
  render();
}

function readContacts({ format, version, contacts }) {
  if (format !== FORMAT || version !== 1 || !Array.isArray(contacts)) throw new Error("This file is no list of contacts of this wallet.");
  if (contacts.length > MOST) throw new Error(`A list has at most ${MOST} contacts.`);
  return contacts.map((one, i) => {
    const found = check(String(one.address));
    if (!found.ok) throw new Error(`Contact ${i + 1}: ${found.says}`);
    return { address: one.address, name: String(one.name ?? "").slice(0, 64) || one.address, note: String(one.note ?? "").slice(0, 200) };
  });
}

form.addEventListener("submit", keep);
form.addEventListener("reset", leave);
find("[data-export]").addEventListener("click", exportAll);
find("[data-import]").addEventListener("change", importFile);
start(render);
