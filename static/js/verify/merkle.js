// Merkle trees of RFC 6962 over SHA3-256, and the ids of objects (protocol, section 1).
import { areEqual, concat, toHex } from "./bytes.js";
import { sha3_256 } from "./hashes.js";

export const CHUNK = 1024; // bytes; the last chunk of an object may be shorter
const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** The root of a tree over leaves that come one after another; keeps one node for each power of two. */
export class Tree {
  #count = 0;
  #peaks = []; // [{size, hash}], sizes falling

  add(leaf) {
    let node = { size: 1, hash: sha3_256(concat(LEAF, leaf)) };
    while (this.#peaks.at(-1)?.size === node.size) {
      const left = this.#peaks.pop();
      node = { size: 2 * node.size, hash: join(left.hash, node.hash) };
    }
    this.#peaks.push(node);
    this.#count += 1;
  }

  get root() {
    if (!this.#count) return sha3_256(new Uint8Array(0));
    return this.#peaks.map((peak) => peak.hash).reduceRight((right, left) => join(left, right));
  }
}

function join(left, right) {
  return sha3_256(concat(NODE, left, right));
}

/** The root over all leaves (byte strings), 32 bytes. */
export function merkleRoot(leaves) {
  const tree = new Tree();
  for (const leaf of leaves) tree.add(leaf);
  return tree.root;
}

/** Whether `leaf` is number `index` of `count` leaves under `root`, shown by the siblings from the leaf upwards. */
export function isIncluded(root, leaf, index, count, path) {
  if (index < 0 || index >= count) return false;
  const { leaf: first, steps, isWhole } = climb(leaf, index, count, path);
  return isWhole && areEqual(steps.at(-1)?.hash ?? first, root);
}

/**
 * The way from a leaf up: its hash, then for each sibling on which side it stands and the hash of both. `isWhole` says
 * that the path has as many siblings as the tree has levels above that leaf; the last hash is then the root.
 */
export function climb(leaf, index, count, path) {
  const first = sha3_256(concat(LEAF, leaf));
  const steps = [];
  let hash = first;
  let last = count - 1;
  for (const sibling of path) {
    if (last === 0) return { leaf: first, steps, isWhole: false };
    const isLeft = index % 2 === 1 || index === last;
    hash = isLeft ? join(sibling, hash) : join(hash, sibling);
    steps.push({ sibling, isLeft, hash });
    // A node at the right edge without a sibling rises unchanged.
    while (isLeft && index % 2 === 0 && index !== 0) [index, last] = [index / 2, Math.floor(last / 2)];
    [index, last] = [Math.floor(index / 2), Math.floor(last / 2)];
  }
  return { leaf: first, steps, isWhole: last === 0 };
}

/** The object id of a file as hex; `tell(share)` hears now and then how far it is, 0 to 1. */
export function objectId(bytes, tell = () => {}) {
  const tree = new Tree();
  for (let start = 0; start < bytes.length; start += CHUNK) {
    tree.add(bytes.subarray(start, start + CHUNK));
    if (start % (CHUNK * 1024) === 0) tell(start / bytes.length);
  }
  return toHex(tree.root);
}
