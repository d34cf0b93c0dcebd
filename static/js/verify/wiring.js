// Which connections exist (protocol, section 4.4).
import { bigEndian, concat, utf8 } from "./bytes.js";
import { shake } from "./hashes.js";

/** The bits of weight tensor number `tensor`, packed, least significant first; what is left over is 0. */
export function wiringBits(seed, tensor, count) {
  const bits = shake(concat(utf8("coinai/1/wiring\n"), seed, bigEndian(tensor, 4)), Math.ceil(count / 8));
  if (count % 8) bits[bits.length - 1] &= (1 << (count % 8)) - 1;
  return bits;
}

/** Bit `j` of packed bits. */
export function bitAt(bits, j) {
  return (bits[j >> 3] >> (j & 7)) & 1;
}
