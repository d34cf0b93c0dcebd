// The hash functions of the protocol (section 1), all from noble-hashes.
import { sha512 } from "../../vendor/noble-hashes-2.4.0/sha2.js";
import { sha3_256, sha3_512, shake256 } from "../../vendor/noble-hashes-2.4.0/sha3.js";
import { concat, toHex, utf8 } from "./bytes.js";
import { encode } from "./canonical.js";

export { sha3_256, sha3_512, sha512 };

/** SHAKE256 of `bytes`, `length` bytes of it. */
export function shake(bytes, length) {
  return length ? shake256(bytes, { dkLen: length }) : new Uint8Array(0);
}

/** digest(kind, value) as 64 hexadecimal digits. */
export function digest(kind, value) {
  return toHex(sha3_256(concat(utf8(`coinai/1/${kind}\n`), encode(value))));
}
