// A grammar's text while it is typed: every mistake with line and column (protocol, section 4.1), or the grammar.
import { Grammar } from "../verify/grammar.js";

export const MAX_BYTES = 65536;
const MAX_RULES = 256;
const MAX_ALTERNATIVES = 256;
const NAME = /<([A-Za-z0-9_-]+)>/y;
const TOKEN = /(<[A-Za-z0-9_-]+>)|("")|(\|)|( +)|([^ <>|"#]+)/y;
const MOST_PROBLEMS = 20;

class Mistake extends Error {
  constructor(line, column, reason) {
    super(reason);
    Object.assign(this, { line, column, reason });
  }
}

/** Text -> {problems: [{line, column, reason}], grammar}: a grammar only when there is no problem. Lines from 1. */
export function checkGrammar(text) {
  const size = new TextEncoder().encode(text).length;
  if (size > MAX_BYTES) return { problems: [{ line: 1, column: 1, reason: `the text is longer than ${MAX_BYTES} bytes` }], grammar: null };
  const reader = new Reader();
  const problems = [];
  text.split("\n").forEach((line, i) => {
    try {
      reader.read(line, i + 1);
    } catch (error) {
      if (!(error instanceof Mistake)) throw error;
      problems.push({ line: error.line, column: error.column, reason: error.reason });
    }
  });
  if (!problems.length && !reader.rules.size) problems.push({ line: 1, column: 1, reason: "the grammar has no rule" });
  if (problems.length) return { problems: problems.slice(0, MOST_PROBLEMS), grammar: null };
  return reader.finish();
}

class Reader {
  rules = new Map();
  #places = new Map(); // name -> [line, column] of its rule
  #used = new Map(); // name -> [line, column] where it first occurs
  #current = null;

  read(line, number) {
    const strange = line.search(/[^\x20-\x7e]/);
    if (strange >= 0) throw new Mistake(number, strange + 1, `${quote(line.codePointAt(strange))} is neither printable ASCII nor a line feed`);
    const content = line.trim();
    if (!content || content.startsWith("#")) return;
    let column = line.length - line.trimStart().length;
    if (content.startsWith("|")) {
      if (!this.#current) throw new Mistake(number, column + 1, "there is no rule above that | could continue");
      column += 1;
    } else {
      column = this.#open(line, number, column);
    }
    this.#readAlternatives(line, number, column);
  }

  #open(line, number, column) {
    NAME.lastIndex = column;
    const match = NAME.exec(line);
    if (!match) throw new Mistake(number, column + 1, "a rule begins with its <name> (letters, digits, _ and -)");
    const name = match[1];
    let end = NAME.lastIndex;
    while (line[end] === " ") end += 1;
    if (!line.startsWith("::=", end)) throw new Mistake(number, end + 1, `<${name}> must be followed by ::=`);
    if (this.rules.has(name)) throw new Mistake(number, column + 1, `<${name}> has a rule already, in line ${this.#places.get(name)[0]}`);
    if (this.rules.size === MAX_RULES) throw new Mistake(number, column + 1, `more than ${MAX_RULES} rules`);
    this.#current = [];
    this.rules.set(name, this.#current);
    this.#places.set(name, [number, column + 1]);
    return end + 3;
  }

  #readAlternatives(line, number, column) {
    let symbols = [];
    let isEmpty = false;
    let isSpaced = false;
    for (const [kind, text, place] of tokens(line, number, column)) {
      if (kind === "blank") isSpaced = symbols.length > 0;
      else if (kind === "bar") {
        this.#close(symbols, isEmpty, number, place);
        [symbols, isEmpty, isSpaced] = [[], false, false];
      } else if (isEmpty || (kind === "empty" && symbols.length)) throw new Mistake(number, place, '"" must stand alone in its alternative');
      else if (kind === "empty") isEmpty = true;
      else {
        const isName = kind === "name";
        const symbol = isName ? text.slice(1, -1) : text;
        symbols.push({ symbol, isName, isSpaced });
        isSpaced = false;
        if (isName && !this.#used.has(symbol)) this.#used.set(symbol, [number, place]);
      }
    }
    this.#close(symbols, isEmpty, number, line.length + 1);
  }

  #close(symbols, isEmpty, line, column) {
    if (!symbols.length && !isEmpty) throw new Mistake(line, column, 'an alternative is missing here (write "" for the empty one)');
    if (this.#current.length === MAX_ALTERNATIVES) throw new Mistake(line, column, `more than ${MAX_ALTERNATIVES} alternatives of one rule`);
    this.#current.push(symbols);
  }

  finish() {
    const problems = [];
    const add = ([line, column], reason) => problems.push({ line, column, reason });
    for (const [name, place] of this.#used) if (!this.rules.has(name)) add(place, `<${name}> has no rule`);
    if (problems.length) return { problems: problems.slice(0, MOST_PROBLEMS), grammar: null };
    const start = this.rules.keys().next().value;
    const reached = new Set([start]);
    for (const name of reached) for (const one of this.rules.get(name).flat()) if (one.isName) reached.add(one.symbol);
    const grammar = new Grammar(this.rules);
    for (const [name, place] of this.#places) {
      if (!reached.has(name)) add(place, `<${name}> cannot be reached from <${start}>`);
      else if (grammar.heights.get(name) === Infinity) add(place, `<${name}> never ends: each of its alternatives needs a name that never ends`);
    }
    return problems.length ? { problems: problems.slice(0, MOST_PROBLEMS), grammar: null } : { problems, grammar };
  }
}

// A character as the site writes it in the same sentence.
function quote(code) {
  const character = String.fromCodePoint(code);
  const named = { 9: "\\t", 13: "\\r", 92: "\\\\" }[code];
  if (named) return `'${named}'`;
  if (code >= 32 && code < 127) return character === "'" ? `"'"` : `'${character}'`;
  const hex = code.toString(16);
  return code < 256 ? `'\\x${hex.padStart(2, "0")}'` : code < 65536 ? `'\\u${hex.padStart(4, "0")}'` : `'\\U${hex.padStart(8, "0")}'`;
}

function* tokens(line, number, start) {
  const kinds = ["name", "empty", "bar", "blank", "word"];
  for (let column = start; column < line.length; ) {
    TOKEN.lastIndex = column;
    const match = TOKEN.exec(line);
    if (!match) throw new Mistake(number, column + 1, `${quote(line.codePointAt(column))} does not belong here (names are <…>, the empty alternative is "")`);
    const kind = kinds[match.slice(1).findIndex((group) => group !== undefined)];
    if (kind === "word" && match[0].includes("::=")) throw new Mistake(number, column + 1, "::= inside a rule: begin each rule on its own line");
    yield [kind, match[0], column + 1];
    column = TOKEN.lastIndex;
    TOKEN.lastIndex = 0;
  }
}
