// Amounts: CAI as a person types them, and base units, 10^8 a CAI (protocol, section 1). No floating point.
// protocol/amounts.py does the same.
import { Refused, require } from "../verify/refused.js";

const DECIMALS = 8;
const UNITS = 10n ** BigInt(DECIMALS);
const BLANK = "[ \\u00a0\\u2009\\u202f]";
const WHOLE = `(?:[0-9]+|[0-9]{1,3}(?:${BLANK}[0-9]{3})+)`;
const FORM = new RegExp(`^(${WHOLE})(?:\\.([0-9]+))?$`);

/**
 * "12.5" -> 1250000000. Blanks may group the digits before the point in threes; nothing else is guessed. Throws
 * Refused with a sentence for the person who types.
 */
export function parse(text) {
  const typed = text.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "");
  require(typed !== "", "Say how many CAI.");
  require(!typed.includes(","), "Write the decimals behind a point, and group digits with blanks or not at all.");
  const found = FORM.exec(typed);
  require(found, () => `“${typed}” is no amount: digits, and a point before the decimals, as in 12.5.`);
  const decimals = found[2] ?? "";
  require(decimals.length <= DECIMALS, `CAI have at most ${DECIMALS} decimals.`);
  const whole = found[1].replace(new RegExp(BLANK, "g"), "");
  require(whole.length <= 16, "That is more than there can ever be.");
  const units = BigInt(whole) * UNITS + BigInt(decimals.padEnd(DECIMALS, "0"));
  require(units <= BigInt(Number.MAX_SAFE_INTEGER), "That is more than there can ever be.");
  return Number(units);
}

/** 1250000000 -> "12.5", which `parse` reads; with `isGrouped` narrow blanks stand between the thousands. */
export function format(units, { isGrouped = false } = {}) {
  if (!Number.isSafeInteger(units) || units < 0) throw new Refused("An amount is an integer of base units.");
  const whole = String(BigInt(units) / UNITS);
  const decimals = String(BigInt(units) % UNITS)
    .padStart(DECIMALS, "0")
    .replace(/0+$/, "");
  const shown = isGrouped && whole.length > 4 ? whole.replace(/\B(?=(\d{3})+$)/g, "\u202f") : whole;
  return decimals ? `${shown}.${decimals}` : shown;
}
