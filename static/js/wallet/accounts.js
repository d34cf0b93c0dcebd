// Accounts from the seed of the words: SLIP-0010 for Ed25519, path m/44'/723'/ACCOUNT'. protocol/mnemonic.py does
// the same.
import { hmac } from "../../vendor/noble-hashes-2.4.0/hmac.js";
import { sha512 } from "../../vendor/noble-hashes-2.4.0/sha2.js";
import { addressOf } from "../verify/address.js";
import { bigEndian, concat, fromHex, utf8 } from "../verify/bytes.js";
import { require } from "../verify/refused.js";
import { publicKey } from "./signer.js";

const PURPOSE = 44;
/** Not registered: the number of the article that this chain follows. */
const COIN = 723;
const HARDENED = 2 ** 31;

/** The path of an account, as people write it. */
export function pathOf(index) {
  return `m/${PURPOSE}'/${COIN}'/${index}'`;
}

/** Seed of 64 bytes, index 0, 1, 2… -> {index, path, secret (32 bytes), publicKey (hex), address}. */
export async function deriveAccount(seed, index) {
  const secret = derive(seed, [PURPOSE, COIN, index]);
  return { index, path: pathOf(index), ...(await accountOf(secret)) };
}

/** A secret of 32 bytes, such as an imported one -> {secret, publicKey, address}. */
export async function accountOf(secret) {
  const key = await publicKey(secret);
  return { secret, publicKey: key, address: addressOf(fromHex(key)) };
}

/** The secret at a path whose numbers are all hardened (Ed25519 knows no others). */
export function derive(seed, path) {
  let node = hmac(sha512, utf8("ed25519 seed"), seed);
  for (const number of path) {
    require(Number.isInteger(number) && number >= 0 && number < HARDENED, "A number in a path is 0 to 2^31 − 1.");
    const data = concat(new Uint8Array(1), node.subarray(0, 32), bigEndian(number + HARDENED, 4));
    node = hmac(sha512, node.subarray(32), data);
  }
  return node.slice(0, 32);
}
