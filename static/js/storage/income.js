// What a new keeper can expect to earn, as apps/storage/income.py computes it. `terms` come with the page:
// {keepers, capacity, groups: [[objects, bytes, factor]…], keeper_share, block_seconds, bond_per_gib}.
const DAY = 86400;
const GIB = 2 ** 30;

/** Units of space by their names. */
export const UNITS = { MiB: 2 ** 20, GiB: GIB, TiB: 2 ** 40 };

/** The least bond in base units for a capacity in bytes. */
export function bondOf(terms, capacity) {
  const product = BigInt(terms.bond_per_gib) * BigInt(capacity);
  return Number((product + BigInt(GIB) - 1n) / BigInt(GIB));
}

/** {bond, replicas, bytes, share, perBlock, perDay} of a keeper that offers so many bytes beside those of today. */
export function estimate(terms, capacity) {
  const keepers = terms.keepers + 1;
  const part = capacity / (terms.capacity + capacity);
  let [replicas, bytes, everybody] = [0, 0, 0];
  for (const [objects, total, factor] of terms.groups) {
    const chance = keepers <= factor ? 1 : Math.min(1, factor * part);
    replicas += objects * chance;
    bytes += total * chance;
    everybody += objects * Math.min(factor, keepers);
  }
  const fits = bytes ? Math.min(1, capacity / bytes) : 1;
  const share = everybody ? (replicas * fits) / everybody : 0;
  const perBlock = terms.keeper_share * share;
  return {
    bond: bondOf(terms, capacity),
    replicas: replicas * fits,
    bytes: bytes * fits,
    share,
    perBlock,
    perDay: (perBlock * DAY) / terms.block_seconds,
  };
}

/** "1.5" and "GiB" -> bytes. Throws an Error with a sentence for the person who types. */
export function readCapacity(text, unit) {
  const found = /^([0-9]{1,12})(?:\.([0-9]{1,6}))?$/.exec(text.trim());
  if (!found) throw new Error("The capacity must be a number above 0, with a point before the decimals.");
  const decimals = found[2] ?? "";
  const bytes = (BigInt(found[1] + decimals) * BigInt(UNITS[unit])) / 10n ** BigInt(decimals.length);
  if (bytes < 1n || bytes > BigInt(Number.MAX_SAFE_INTEGER))
    throw new Error("The capacity must be at least one byte and less than 8192 TiB.");
  return Number(bytes);
}
