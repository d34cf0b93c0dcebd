// The passphrase, asked for: as a form on the wallet's pages, and as a box over any page that wants a signature.
// The session is given, not imported: session.js imports this module, and hashed names cannot go round in a circle.
import { isSecure } from "./config.js";
import { busy, complain, element, icon } from "./dom.js";

let count = 0;

/** A form that opens the wallet of `session` and then calls `onOpen`. */
export function unlockForm(session, onOpen) {
  const id = `passphrase-${(count += 1)}`;
  const input = element("input", { id, type: "password", autocomplete: "current-password", required: true, "aria-describedby": `${id}-problem` });
  const problem = element("p", { id: `${id}-problem`, class: "problem", role: "alert" });
  const form = element(
    "form",
    { class: "form unlock-form", autocomplete: "off" },
    element("div", { class: "field" }, element("label", { for: id }, "Passphrase of this wallet"), input, problem),
    element("progress", { hidden: true, max: 1, "aria-label": "Opening the wallet" }),
    element("div", { class: "buttons" }, element("button", { type: "submit", class: "button button-main" }, icon("lock-open"), element("span", {}, "Unlock"))),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    complain(problem, null);
    try {
      await busy(form, (report) => session.unlock(input.value, report));
    } catch (error) {
      complain(problem, error);
      input.setAttribute("aria-invalid", "true");
      input.select();
      return;
    }
    input.value = "";
    onOpen();
  });
  return form;
}

/** Ask for the passphrase over the page; true once the wallet is open, false when the person closes the box. */
export function askToUnlock(session) {
  return new Promise((resolve) => {
    const dialog = box("Unlock the wallet", () => resolve(session.state === "open"));
    dialog.append(
      element("p", { class: "quiet" }, isSecure
        ? "Your keys are opened here, in this browser, and go nowhere."
        : "Your keys are opened on this page alone: without https the browser keeps no wallet open from page to page."),
      unlockForm(session, () => dialog.close()),
    );
    dialog.querySelector(".buttons").append(
      element("button", { type: "button", class: "button", click: () => dialog.close() }, "Not now"),
    );
    dialog.showModal();
  });
}

/** An empty box over the page with a heading; it removes itself when it closes. */
export function box(title, onClose) {
  const id = `box-${(count += 1)}`;
  const dialog = element("dialog", { class: "box", "aria-labelledby": id }, element("h2", { id }, title));
  dialog.addEventListener("close", () => {
    dialog.remove();
    onClose();
  });
  document.body.append(dialog);
  return dialog;
}
