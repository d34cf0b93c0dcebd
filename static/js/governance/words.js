// Numbers in the words of governance's pages.
const NARROW = "\u202f";
const UNITS = ["bytes", "KiB", "MiB", "GiB"];

/** 1536 -> "1.5 KiB". */
export function bytes(count) {
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit ? value.toPrecision(3).replace(/\.0+$/, "") : value}${NARROW}${UNITS[unit]}`;
}

/** (1, "example") -> "1 example", (2, "example") -> "2 examples". */
export function many(count, word, plural = `${word}s`) {
  return `${String(count).replace(/\B(?=(\d{3})+$)/g, count > 9999 ? NARROW : "")} ${count === 1 ? word : plural}`;
}
