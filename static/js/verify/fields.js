// Checks on the form of values that came from outside: exact fields and their types.
import { require } from "./refused.js";

const KINDS = {
  integer: (value) => typeof value === "number",
  text: (value) => typeof value === "string",
  hash: (value) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value),
  signature: (value) => typeof value === "string" && /^[0-9a-f]{128}$/.test(value),
  list: (value) => Array.isArray(value),
  object: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
};
const WORDS = {
  integer: "an integer",
  text: "a text",
  hash: "64 lowercase hexadecimal digits",
  signature: "128 lowercase hexadecimal digits",
  list: "a list",
  object: "an object",
};

/** Refuse unless `value` is an object with exactly these fields, `{name: kind}`, each of its kind. */
export function checkFields(what, value, fields) {
  require(KINDS.object(value), `${what} is not an object.`);
  for (const name of Object.keys(fields)) {
    require(Object.hasOwn(value, name), `${what} has no field “${name}”.`);
    require(KINDS[fields[name]](value[name]), `${what}: “${name}” is not ${WORDS[fields[name]]}.`);
  }
  for (const name of Object.keys(value))
    require(Object.hasOwn(fields, name), `${what} has a field “${name}” too many.`);
}
