// Messages that a wallet signs and that move nothing. Each use has a first line of its own before what is signed, so
// that no signature can stand for another.
import { concat, utf8 } from "../verify/bytes.js";
import { sign, verify } from "./signer.js";

/** The signature of a sign-in message, as the site asked for it. */
export function signMessage(secret, message) {
  return sign(secret, signInBytes(message));
}

/** The bytes that a sign-in signature covers. */
export function signInBytes(message) {
  return concat(utf8("coinai/1/sign-in\n"), utf8(message));
}

/** The signature of any text, to show that one holds a key. */
export function signText(secret, text) {
  return sign(secret, textBytes(text));
}

/** Whether that signature is a key's (all but the text in hexadecimal digits). */
export function verifyText(key, text, signature) {
  return verify(key, textBytes(text), signature);
}

function textBytes(text) {
  return concat(utf8("coinai/1/message\n"), utf8(text));
}
