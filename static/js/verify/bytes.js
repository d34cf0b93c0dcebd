// Bytes, and their ways to and from text and numbers.
import { Refused } from "./refused.js";

const HEX = /^(?:[0-9a-f]{2})*$/;

/** Text -> its UTF-8 bytes. */
export function utf8(text) {
  return new TextEncoder().encode(text);
}

/** Bytes -> text; refuses what is not UTF-8, and keeps a byte order mark, which no rule allows. */
export function textOf(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Refused("The bytes are not UTF-8.");
  }
}

/** Bytes -> lowercase hex. */
export function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Lowercase hex -> bytes. */
export function fromHex(text) {
  if (!HEX.test(text)) throw new Refused("Not lowercase hexadecimal digits in pairs.");
  return Uint8Array.from({ length: text.length / 2 }, (_, i) => parseInt(text.slice(2 * i, 2 * i + 2), 16));
}

/** Base64 in its one spelling (padded, no line ends, no loose bits) -> bytes. */
export function fromBase64(text) {
  let data;
  try {
    data = atob(text);
  } catch {
    throw new Refused("Not base64.");
  }
  if (btoa(data) !== text) throw new Refused("Base64 in a second spelling.");
  return Uint8Array.from(data, (sign) => sign.charCodeAt(0));
}

/** Pieces of bytes, one behind the other. */
export function concat(...pieces) {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let position = 0;
  for (const piece of pieces) {
    whole.set(piece, position);
    position += piece.length;
  }
  return whole;
}

/** Bytes, big-endian -> BigInt. */
export function toBigInt(bytes) {
  return bytes.length ? BigInt(`0x${toHex(bytes)}`) : 0n;
}

/** BigInt or whole number -> `length` bytes, big-endian. */
export function bigEndian(number, length) {
  return fromHex(
    BigInt(number)
      .toString(16)
      .padStart(2 * length, "0"),
  );
}

/** Where two byte strings differ first; -1 when they are the same. */
export function firstDifference(left, right) {
  const shorter = Math.min(left.length, right.length);
  for (let i = 0; i < shorter; i++) if (left[i] !== right[i]) return i;
  return left.length === right.length ? -1 : shorter;
}

/** Same length, same bytes. */
export function areEqual(left, right) {
  return firstDifference(left, right) === -1;
}
