// Two texts line by line: what was taken out and what was put in.
const MOST_CELLS = 4_000_000;

/** (before, after) -> rows {sign: " ", "-" or "+", line}, the fewest that differ. */
export function diffLines(before, after) {
  const [left, right] = [before.trimEnd().split("\n"), after.trimEnd().split("\n")];
  let start = 0;
  while (start < left.length && start < right.length && left[start] === right[start]) start += 1;
  let end = 0;
  while (end < left.length - start && end < right.length - start && left.at(-1 - end) === right.at(-1 - end)) end += 1;
  const same = (lines) => lines.map((line) => ({ sign: " ", line }));
  const middle = compare(left.slice(start, left.length - end), right.slice(start, right.length - end));
  return [...same(left.slice(0, start)), ...middle, ...same(left.slice(left.length - end))];
}

// The longest common subsequence, by the table of all pairs.
function compare(left, right) {
  const out = [];
  if ((left.length + 1) * (right.length + 1) > MOST_CELLS) {
    return [...left.map((line) => ({ sign: "-", line })), ...right.map((line) => ({ sign: "+", line }))];
  }
  const width = right.length + 1;
  const longest = new Uint16Array((left.length + 1) * width);
  for (let i = left.length - 1; i >= 0; i -= 1) {
    for (let j = right.length - 1; j >= 0; j -= 1) {
      longest[i * width + j] = left[i] === right[j] ? longest[(i + 1) * width + j + 1] + 1 : Math.max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
    }
  }
  let [i, j] = [0, 0];
  while (i < left.length || j < right.length) {
    if (i < left.length && j < right.length && left[i] === right[j]) {
      out.push({ sign: " ", line: left[i] });
      i += 1;
      j += 1;
    } else if (j >= right.length || (i < left.length && longest[(i + 1) * width + j] >= longest[i * width + j + 1])) {
      out.push({ sign: "-", line: left[i++] });
    } else {
      out.push({ sign: "+", line: right[j++] });
    }
  }
  return out;
}
