// Grammars in Backus-Naur form (protocol, section 4.1).
import { textOf } from "./bytes.js";
import { require } from "./refused.js";

const MAX_BYTES = 65536;
const MAX_RULES = 256;
const MAX_ALTERNATIVES = 256;
const NAME = /^<[^<>|"\s]+>$/;
const SYMBOL = /<[^<>|"\s]+>|[^<>|"\s]+/y;

/** A grammar: `rules` maps a name to its alternatives, `start` is the first name, `heights` as section 4.2 has them. */
export class Grammar {
  constructor(rules) {
    this.rules = rules;
    this.start = rules.keys().next().value;
    this.heights = computeHeights(rules);
  }

  /** The height of an alternative: that of its highest name, 0 without names. */
  heightOf(alternative) {
    return heightOf(alternative, this.heights);
  }
}

/** The bytes of a grammar's text -> Grammar. An alternative is a row of {symbol, isName, isSpaced}. */
export function parseGrammar(bytes) {
  require(bytes.length <= MAX_BYTES, "The grammar has more than 64 KiB.");
  const text = textOf(bytes);
  require(/^[\n\x20-\x7e]*$/.test(text), "The grammar holds signs other than printable ASCII and line feeds.");
  const rules = new Map();
  for (const { line, words } of joinLines(text)) readRule(rules, line, words);
  require(rules.size >= 1, "The grammar has no rule.");
  require(rules.size <= MAX_RULES, `The grammar has more than ${MAX_RULES} rules.`);
  checkNames(rules);
  const grammar = new Grammar(rules);
  for (const [name, height] of grammar.heights) require(height < Infinity, `Nothing can be derived from <${name}>.`);
  return grammar;
}

function joinLines(text) {
  const joined = [];
  text.split("\n").forEach((whole, i) => {
    const words = whole.trim();
    if (!words || words.startsWith("#")) return;
    if (!words.startsWith("|")) joined.push({ line: i + 1, words });
    else {
      require(joined.length > 0, `Line ${i + 1} of the grammar continues no rule.`);
      joined.at(-1).words += ` ${words}`;
    }
  });
  return joined;
}

function readRule(rules, line, words) {
  const where = `Line ${line} of the grammar`;
  const sign = words.indexOf("::=");
  require(sign > 0, `${where} is no rule: it has no ::=.`);
  const left = words.slice(0, sign).trim();
  require(NAME.test(left), `${where} does not begin with a <name>.`);
  const name = left.slice(1, -1);
  require(!rules.has(name), `${where} defines <${name}> a second time.`);
  const alternatives = words
    .slice(sign + 3)
    .split("|")
    .map((part) => readAlternative(part.trim(), where));
  require(alternatives.length <= MAX_ALTERNATIVES, `${where} has more than ${MAX_ALTERNATIVES} alternatives.`);
  rules.set(name, alternatives);
}

function readAlternative(text, where) {
  require(text !== "", `${where} has an alternative without symbols.`);
  if (text === '""') return [];
  const symbols = [];
  let at = 0;
  while (at < text.length) {
    const isSpaced = text[at] === " ";
    while (text[at] === " ") at += 1;
    SYMBOL.lastIndex = at;
    const found = SYMBOL.exec(text);
    require(found !== null, `${where} has a sign out of place at “${text.slice(at, at + 12)}”.`);
    at = SYMBOL.lastIndex;
    const isName = found[0].startsWith("<");
    symbols.push({ symbol: isName ? found[0].slice(1, -1) : found[0], isName, isSpaced });
  }
  return symbols;
}

function checkNames(rules) {
  const reached = new Set([rules.keys().next().value]);
  for (const name of reached) {
    for (const { symbol } of rules
      .get(name)
      .flat()
      .filter((one) => one.isName)) {
      require(rules.has(symbol), `<${symbol}> has no rule in the grammar.`);
      reached.add(symbol);
    }
  }
  for (const name of rules.keys()) require(reached.has(name), `<${name}> cannot be reached in the grammar.`);
}

// The least solution: all begin as infinite and fall until nothing changes.
function computeHeights(rules) {
  const heights = new Map([...rules.keys()].map((name) => [name, Infinity]));
  for (let hasChanged = true; hasChanged;) {
    hasChanged = false;
    for (const [name, alternatives] of rules) {
      const height = 1 + Math.min(...alternatives.map((alternative) => heightOf(alternative, heights)));
      if (height < heights.get(name)) {
        heights.set(name, height);
        hasChanged = true;
      }
    }
  }
  return heights;
}

function heightOf(alternative, heights) {
  return Math.max(0, ...alternative.filter((one) => one.isName).map((one) => heights.get(one.symbol)));
}
