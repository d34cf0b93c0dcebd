// Runs the wallet's modules over tests/vectors/wallet*.json; each function returns the rows that disagree.
import { accountOf, derive, deriveAccount } from "/static/js/wallet/accounts.js";
import { check } from "/static/js/wallet/address.js";
import { format, parse } from "/static/js/wallet/amount.js";
import { revocationBytes, signRevocation, signWorkerKey } from "/static/js/wallet/delegation.js";
import { checkForm, open, seal, WrongPassphrase } from "/static/js/wallet/keystore.js";
import { fromEntropy, generate, split, toEntropy, toSeed, validate } from "/static/js/wallet/mnemonic.js";
import { signMessage, signText, verifyText } from "/static/js/wallet/sign_in.js";
import { implementation, publicKey, sign, use, verify } from "/static/js/wallet/signer.js";
import { assemble, feeAt, sign as signTransaction, sizeOf, unsigned } from "/static/js/wallet/transaction.js";
import { fromHex, toHex } from "/static/js/verify/bytes.js";
import { decode, encode } from "/static/js/verify/canonical.js";
import { Refused } from "/static/js/verify/refused.js";

const SIGNERS = ["webcrypto", "noble"];

class Report {
  count = 0;
  odd = [];

  is(found, expected, what) {
    this.count += 1;
    const [left, right] = [JSON.stringify(found), JSON.stringify(expected)];
    if (left !== right) this.odd.push(`${what}: ${left} instead of ${right}`.slice(0, 600));
  }

  async refused(run, what, kind = Refused) {
    let says = "is accepted";
    try {
      await run();
    } catch (error) {
      says = error instanceof kind ? null : `fails: ${error.stack}`;
    }
    this.is(says, null, what);
  }
}

async function load(name) {
  return (await fetch(`/vectors/${name}.json`)).json();
}

const PARTS = {
  async official(report) {
    const { words, chains } = await load("wallet_official");
    for (const { entropy, words: text, passphrase, seed } of words) {
      report.is(fromEntropy(fromHex(entropy)).join(" "), text, "words");
      report.is(toHex(toEntropy(text)), entropy, "entropy");
      report.is(toHex(await toSeed(text, passphrase)), seed, "seed");
    }
    for (const { seed, chains: nodes } of chains) {
      for (const { path, secret, public: key } of nodes) {
        const found = derive(fromHex(seed), path);
        report.is([toHex(found), await publicKey(found)], [secret, key], path.join("/"));
      }
    }
  },

  async words(report, { words }) {
    for (const { typed, entropy, reason, word } of words) {
      const found = validate(typed);
      report.is([found.ok, found.reason, found.badWordIndex], [reason === null, reason, word], typed);
      if (entropy !== null) report.is(toHex(toEntropy(typed)), entropy, typed);
    }
    for (let i = 0; i < 20; i++) report.is(validate(generate()).ok, true, "new words");
    report.is(validate(split(words[0].typed)).ok, true, "an array");
  },

  async accounts(report, { accounts }) {
    for (const { words, entropy, index, path, secret, key, address } of accounts) {
      const seed = await toSeed(words);
      for (const name of SIGNERS) {
        use(name);
        const found = await deriveAccount(seed, index);
        report.is(
          { ...found, secret: toHex(found.secret) },
          { index, path, secret, publicKey: key, address },
          `${name} ${path}`,
        );
        report.is((await accountOf(fromHex(secret))).address, address, name);
      }
      report.is(fromEntropy(fromHex(entropy)).join(" "), words, "words");
    }
    await report.refused(async () => deriveAccount(await toSeed(accounts[0].words), 2 ** 31), "an index too large");
  },

  async transactions(report, { transactions }) {
    for (const { secret, fields, signature, txid, raw, size } of transactions) {
      for (const name of SIGNERS) {
        use(name);
        const found = await signTransaction(fromHex(secret), fields);
        report.is([found.transaction.signature, found.txid, found.raw], [signature, txid, raw], name);
        report.is(assemble(fields, signature), found, "assembled");
      }
      report.is(sizeOf(fields), size, "size");
      const fee = feeAt(1000, fields);
      report.is(sizeOf({ ...fields, fee }) <= fee && fee <= size + 16, true, `fee ${fee} for ${size} bytes`);
      await report.refused(() => signTransaction(new Uint8Array(32).fill(9), fields), "another's key");
    }
    const { fields } = transactions[0];
    const { fee, ...short } = fields;
    for (const bad of [short, { ...fields, surplus: 0 }, { ...fields, fee: "0" }, { ...fields, fee: -1 }])
      await report.refused(() => unsigned(bad), JSON.stringify(bad));
    for (const bad of [
      { ...fields, sequence: 2 ** 53 },
      { ...fields, body: { a: 1.5 } },
      { ...fields, body: { a: null } },
    ])
      await report.refused(() => unsigned(bad), JSON.stringify(bad));
  },

  async messages(report, { messages }) {
    for (const { secret, key, text, message, sign_in: signIn } of messages) {
      for (const name of SIGNERS) {
        use(name);
        report.is(await signText(fromHex(secret), text), message, name);
        report.is(await signMessage(fromHex(secret), text), signIn, name);
      }
      report.is([verifyText(key, text, message), verifyText(key, text, signIn)], [true, false], "verified");
      report.is(verifyText(key, `${text} `, message), false, "another text");
    }
  },

  async statements(report, { statements }) {
    const { statement, signature, revocation, revocation_signature: revoking, refused } = statements;
    const secret = fromHex(statements.secret);
    for (const name of SIGNERS) {
      use(name);
      report.is(await signWorkerKey(secret, statement), { statement: { ...order(statement) }, signature }, name);
      const found = await signRevocation(secret, revocation);
      report.is([found.statement.revoked, found.signature], [revocation.revoked, revoking], name);
    }
    for (const fields of refused)
      await report.refused(() => signWorkerKey(secret, fields), JSON.stringify(fields).slice(0, 300));
    await report.refused(() => revocationBytes(statement), "a statement as a revocation");
  },

  async keystores(report, { keystores }) {
    for (const { keystore, passphrase, plaintext } of keystores.open)
      report.is(await open(keystore, passphrase), plaintext, "opened");
    const { keystore, passphrase } = keystores.wrong_passphrase;
    await report.refused(() => open(keystore, passphrase), "a wrong passphrase", WrongPassphrase);
    const flipped = {
      ...keystore,
      ciphertext: keystore.ciphertext.replace(/^../, (byte) => (byte === "00" ? "01" : "00")),
    };
    await report.refused(() => open(flipped, keystores.open[0].passphrase), "a changed byte", WrongPassphrase);
    for (const document of keystores.refused)
      await report.refused(() => checkForm(document), JSON.stringify(document).slice(0, 200));
    await report.refused(() => seal({ entropy: "00".repeat(32) }, "short"), "a short passphrase");
    for (const plaintext of [{}, { entropy: "00" }, { secrets: [] }, { entropy: "00".repeat(32), words: "" }])
      await report.refused(() => seal(plaintext, "long enough"), JSON.stringify(plaintext));
  },

  async addresses(report, { addresses }) {
    for (const { text, reason, positions } of addresses) {
      const found = check(text);
      report.is([found.ok, found.reason, found.positions], [reason === null, reason, positions], text);
      report.is(found.says === "", reason === null, `what it says of ${text}`);
    }
  },

  async amounts(report, { amounts }) {
    for (const { text, units, formatted } of amounts) {
      if (units === null) await report.refused(() => parse(text), text);
      else
        report.is(
          [parse(text), format(units), parse(format(units, { isGrouped: true }))],
          [units, formatted, units],
          text,
        );
    }
  },
};

export const names = Object.keys(PARTS);

// The order in which the module names the fields; what is signed has the canonical one.
function order({ network, key, worker, label, created, expires }) {
  return { network, key, worker, label, created, expires };
}

/** Compare one part: how many comparisons there were, and those that disagree. */
export async function run(name) {
  const report = new Report();
  await PARTS[name](report, await load("wallet"));
  use(null);
  return { count: report.count, odd: report.odd };
}

/** Which implementation this browser signs with by itself. */
export function whoSigns() {
  use(null);
  return implementation();
}

/** Sign messages (hex) with a secret (hex) by one of the implementations. */
export async function signAll(name, secret, messages) {
  use(name);
  const signatures = [];
  for (const message of messages) signatures.push(await sign(fromHex(secret), fromHex(message)));
  const key = await publicKey(fromHex(secret));
  use(null);
  return { key, signatures };
}

/** Values -> their canonical bytes (hex), each written, read and written again. */
export function encodeAll(values) {
  return values.map((value) => toHex(encode(decode(encode(value)))));
}

/** Which of the rows {key, message, signature} (hex) are signed. */
export function verifyAll(rows) {
  return rows.map(({ key, message, signature }) => verify(key, fromHex(message), signature));
}

/** Seal with the least cost, with the browser's AES-GCM or without any crypto.subtle. */
export async function sealHere(plaintext, passphrase, isBare) {
  return withoutSubtle(isBare, async () => {
    const shares = [];
    const keystore = await seal(plaintext, passphrase, (share) => shares.push(share), { n: 2 ** 14 });
    return { keystore, isRising: shares.length > 10 && shares.every((share, i) => i === 0 || share >= shares[i - 1]) };
  });
}

/** Open, likewise. */
export async function openHere(keystore, passphrase, isBare) {
  return withoutSubtle(isBare, () => open(keystore, passphrase));
}

/** Which implementation signs where there is no crypto.subtle, as on pages over plain http. */
export async function whoSignsWithoutSubtle() {
  return withoutSubtle(true, whoSigns);
}

async function withoutSubtle(isBare, run) {
  if (!isBare) return run();
  Object.defineProperty(crypto, "subtle", { value: undefined, configurable: true });
  try {
    return await run();
  } finally {
    delete crypto.subtle;
  }
}
