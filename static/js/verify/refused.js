// What all checks throw when something breaks a rule of the protocol.

/** A rule is broken. The message is a whole sentence that says what differs. */
export class Refused extends Error {
  name = "Refused";
}

/** Throw Refused with this sentence unless the condition holds. */
export function require(condition, sentence) {
  if (!condition) throw new Refused(typeof sentence === "function" ? sentence() : sentence);
}
