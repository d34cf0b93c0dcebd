// The API of uploads, as the page asks it. The token belongs to one upload and stays in this browser.
import { Problem } from "../wallet/client.js";

const BASE = "/api/v1/uploads";
// What a person can do about a refusal, by its code; the refusal itself says what happened.
const WAYS_OUT = {
  1300: "Save it in one of those formats and choose it again.",
  1301: "Send fewer examples, fewer columns or smaller pictures.",
  1302: "Make the archive anew from the files themselves.",
  1303: "Correct that cell in the file, then choose it again.",
  1304: "Correct the file, then choose it again.",
  1305: "Correct the classes, or name another column in the options.",
  1306: "Take that picture out or replace it, then make the zip again.",
  1307: "Save the arrays again as that says.",
  1308: "Another file, or another column as the class, may have more to say.",
  1312: "Reload the page to see where the upload stands.",
};

/** The connection broke before there was an answer: trying again may help. */
export class Offline extends Error {
  name = "Offline";
}

/** What to do about a refusal, or nothing. */
export function wayOut(code) {
  return WAYS_OUT[code] ?? "";
}

/** Begin an upload: its state, with `token`. */
export function begin(filename, bytes) {
  return ask("POST", "", { value: { filename, bytes } });
}

/** Send bytes from `offset` on. */
export function sendPiece({ id, token }, offset, piece, signal) {
  return ask("PUT", `/${id}/pieces?offset=${offset}`, { token, body: piece, type: "application/octet-stream", signal });
}

export const readState = ({ id }) => ask("GET", `/${id}`);
export const convert = ({ id, token }, options) => ask("POST", `/${id}/conversion`, { token, value: options });
export const readTerms = ({ id }) => ask("GET", `/${id}/terms`);
export const readExamples = ({ id }) => ask("GET", `/${id}/examples`);
export const writeManifest = ({ id, token }, terms) => ask("POST", `/${id}/manifest`, { token, value: terms });
export const beginTrials = ({ id, token }, terms) => ask("POST", `/${id}/trials`, { token, value: terms });
export const drop = ({ id, token }) => ask("DELETE", `/${id}`, { token });
export const sheetUrl = ({ id }, data) => `${BASE}/${id}/examples.png?of=${data.slice(0, 12)}`;

async function ask(method, path, { token, value, body, type = "application/json", signal } = {}) {
  const headers = { Accept: "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const content = value === undefined ? body : JSON.stringify(value);
  if (content !== undefined) headers["Content-Type"] = type;
  let response;
  try {
    response = await fetch(BASE + path, { method, headers, body: content, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Offline("The site does not answer. Nothing is lost; try again when you are online.");
  }
  const text = await response.text();
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch {
    // An answer that is no JSON, from something between here and the site.
  }
  if (response.ok) return answer;
  const problem = new Problem({ status: response.status, ...answer });
  problem.wait = Number(response.headers.get("Retry-After")) || 0;
  throw problem;
}
