// The site's API, as the wallet asks it. What goes out is public: addresses, signed transactions, signed messages.
import { config } from "./config.js";

const OLD_TOKEN = 1201; // the code of a request whose token was another session's
// What a person can do about an error, by its code; the error itself says what happened.
const WAYS_OUT = {
  1119: "Wait a moment, then try again.",
  1120: "The account has moved on, perhaps in another tab. Review and sign once more; the next number is taken then.",
  1121: "Too many of your transactions wait. Let some be taken into a block first.",
  1122: "Another transaction of this account holds the same place. Wait for it, or raise the fee further.",
  1123: "Raise the fee, or try again when the mempool has emptied a little.",
};

/** An answer that is no success: its title, detail, status and the protocol's code. */
export class Problem extends Error {
  name = "Problem";

  constructor({ title = "", detail = "", status = 0, code = 0 }) {
    super([detail || title || `The site answers ${status}.`, WAYS_OUT[code]].filter(Boolean).join(" "));
    Object.assign(this, { title, detail, status, code });
  }
}

/** GET, as JSON. */
export function read(path) {
  return ask("GET", path);
}

/** POST or DELETE a value as JSON (a text goes as it is). */
export function send(method, path, value) {
  const body = value === undefined || typeof value === "string" ? value : JSON.stringify(value);
  return ask(method, path, body);
}

async function ask(method, path, body, isRetry = false) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRFToken"] = config.csrf;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method, headers, body });
  } catch {
    throw new Problem({ detail: "The site does not answer. What you typed is kept; try again when you are online." });
  }
  const text = await response.text();
  let value = null;
  try {
    value = text ? JSON.parse(text) : null;
  } catch {
    // An answer that is no JSON, from something between here and the site.
  }
  if (value?.csrf) config.csrf = value.csrf;
  if (value?.code === OLD_TOKEN && !isRetry) {
    await ask("GET", "/api/v1/session"); // signed in or out in another tab meanwhile: take the new token
    return ask(method, path, body, true);
  }
  if (!response.ok) throw new Problem({ status: response.status, ...value });
  return value;
}

/** The bytes that a signed transaction is sent as. */
export function submit(raw) {
  return ask("POST", "/api/v1/transactions", raw);
}

/** What an address has and did. */
export function readAddress(address) {
  return read(`/api/v1/addresses/${address}`);
}

/** All pages of a list, one by one: an async iterator over arrays of items. */
export async function* pages(path) {
  for (let next = path; next; ) {
    const page = await read(next);
    yield page.items;
    next = page.next && new URL(page.next, location.href).pathname + new URL(page.next, location.href).search;
  }
}
