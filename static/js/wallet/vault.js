// Making, restoring and changing the wallet of this browser. The passphrase is asked for each time and kept nowhere.
import { accountOf, deriveAccount } from "./accounts.js";
import { config } from "./config.js";
import { checkForm, open, seal } from "./keystore.js";
import { fromEntropy, toEntropy, toSeed } from "./mnemonic.js";
import { CannotSign, session } from "./session.js";
import * as store from "./store.js";
import { readAddress } from "./client.js";
import { fromHex, toHex } from "../verify/bytes.js";
import { parse as parseAddress } from "./address.js";

const GAP = 3; // so many unused accounts in a row end the search

/** A wallet exists already: a browser holds one, so that no backup is mistaken for another's. */
export class WalletExists extends Error {
  name = "WalletExists";
}

/** Whether a new wallet would meet an old one. */
export async function hasWallet() {
  await session.ready;
  return session.hasKeystore;
}

function rowOf({ address, publicKey = "", index = 0 }, source, label) {
  return { address, publicKey, index, source, label, created: Date.now() };
}

function listed(accounts) {
  return accounts.map(({ index, address, label, source }) => ({ index, address, label, source }));
}

async function establish(secrets, accounts, passphrase, onProgress) {
  if (await hasWallet()) throw new WalletExists("This browser has a wallet already. Export it and forget it in its settings first.");
  const keystore = await seal(secrets, passphrase, onProgress, { accounts: listed(accounts), n: config.cost });
  await store.found(keystore, accounts);
  await store.setSetting("current", accounts[0].address);
  navigator.storage?.persist?.(); // ask the browser not to clear it when the disk is full
  await session.adopt(secrets);
}

/** A wallet from 24 words with so many accounts (more are found by asking the chain which were used). */
export async function fromWords(words, passphrase, onProgress, { isSearched = false } = {}) {
  const seed = await toSeed(words);
  const accounts = isSearched ? await search(seed) : [await deriveAccount(seed, 0)];
  const rows = accounts.map((account) => rowOf(account, "words", `Account ${account.index + 1}`));
  await establish({ entropy: toHex(toEntropy(words)) }, rows, passphrase, onProgress);
  return rows;
}

// The first accounts up to the last one that the chain knows; a site that does not answer leaves it at one.
async function search(seed) {
  const found = [await deriveAccount(seed, 0)];
  try {
    for (let index = 1, unused = 0; unused < GAP; index += 1) {
      const account = await deriveAccount(seed, index);
      const { transactions, balance, locked } = await readAddress(account.address);
      unused = transactions || balance || locked ? 0 : unused + 1;
      found.push(account);
    }
    return found.slice(0, -GAP);
  } catch {
    return found.slice(0, 1);
  }
}

/** A wallet from a keystore file, under the passphrase of the file. */
export async function fromKeystore(text, passphrase, onProgress) {
  const keystore = readKeystore(text);
  const secrets = await open(keystore, passphrase, (share) => onProgress(share / 2));
  const rows = await accountsOf(secrets, keystore.accounts);
  await establish(secrets, rows, passphrase, (share) => onProgress(0.5 + share / 2));
  return rows;
}

/** The keystore in a file; throws Refused, or SyntaxError for what is no JSON. */
export function readKeystore(text) {
  const keystore = JSON.parse(text);
  checkForm(keystore);
  return keystore;
}

async function accountsOf({ entropy, secrets = [] }, known) {
  const label = (address, otherwise) => known.find((one) => one.address === address)?.label || otherwise;
  const rows = [];
  if (entropy) {
    const seed = await toSeed(fromEntropy(fromHex(entropy)));
    const wanted = known.filter((one) => (one.source ?? "words") === "words").map((one) => one.index);
    for (const index of new Set([0, ...wanted].sort((a, b) => a - b))) {
      const account = await deriveAccount(seed, index);
      rows.push(rowOf(account, "words", label(account.address, `Account ${index + 1}`)));
    }
  }
  for (const secret of secrets) {
    const account = await accountOf(fromHex(secret));
    rows.push(rowOf(account, "key", label(account.address, "Imported key")));
  }
  const watched = known.filter((one) => one.source === "watch");
  return [...rows, ...watched.map((one) => rowOf(one, "watch", one.label || "Watched"))];
}

/** A wallet from one secret key (64 hexadecimal digits). */
export async function fromSecret(text, passphrase, label, onProgress) {
  const secret = readSecret(text);
  const row = rowOf(await accountOf(fromHex(secret)), "key", label || "Imported key");
  await establish({ secrets: [secret] }, [row], passphrase, onProgress);
  return [row];
}

function readSecret(text) {
  const secret = text.trim().toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(secret)) throw new CannotSign("A secret key has 64 hexadecimal digits.");
  return secret;
}

async function openStored(passphrase, onProgress) {
  const row = await store.get("keystore", "wallet");
  return open(row.keystore, passphrase, onProgress);
}

/** Put a secret key beside the words; the passphrase is the wallet's. */
export async function importSecret(text, passphrase, label, onProgress) {
  const secret = readSecret(text);
  const secrets = await openStored(passphrase, (share) => onProgress(share / 2));
  const row = rowOf(await accountOf(fromHex(secret)), "key", label || "Imported key");
  const known = session.accounts.find((account) => account.address === row.address);
  if (known && known.source !== "watch") throw new CannotSign("This wallet has that key already.");
  await reseal({ ...secrets, secrets: [...(secrets.secrets ?? []), secret] }, [row], passphrase, (share) =>
    onProgress(0.5 + share / 2));
  return row;
}

async function reseal(secrets, added, passphrase, onProgress) {
  const names = new Set(added.map((row) => row.address));
  const accounts = [...session.accounts.filter((account) => !names.has(account.address)), ...added];
  const keystore = await seal(secrets, passphrase, onProgress, { accounts: listed(accounts), n: config.cost });
  await store.reseal(keystore, added);
  await session.adopt(secrets);
}

/** The next account of the words. */
export async function addAccount(label) {
  const used = session.accounts.filter((account) => account.source === "words").map((account) => account.index);
  const index = used.length ? Math.max(...used) + 1 : 0;
  const row = rowOf(await session.derive(index), "words", label || `Account ${index + 1}`);
  await write(row);
  return row;
}

/** An address to look at, without its key. */
export async function watch(text, label) {
  const address = parseAddress(text);
  if (session.accounts.some((account) => account.address === address))
    throw new CannotSign("This wallet has that address already.");
  const row = rowOf({ address }, "watch", label || "Watched");
  await write(row);
  return row;
}

async function write(row) {
  await store.put("accounts", row);
  await session.choose(row.address);
}

/** Another name for an account. */
export async function rename(address, label) {
  const row = await store.get("accounts", address);
  await store.put("accounts", { ...row, label });
  await session.reload({ isOwn: true });
}

/** Take an account off the list. One of the words can be added again; an imported key stays in the keystore. */
export async function hide(address) {
  await store.remove("accounts", address);
  await session.reload({ isOwn: true });
}

/** The 24 words, for who knows the passphrase; null for a wallet of keys alone. */
export async function revealWords(passphrase, onProgress) {
  const { entropy } = await openStored(passphrase, onProgress);
  return entropy ? fromEntropy(fromHex(entropy)) : null;
}

/** Seal the wallet under another passphrase. */
export async function changePassphrase(old, passphrase, onProgress) {
  const secrets = await openStored(old, (share) => onProgress(share / 2));
  await reseal(secrets, [], passphrase, (share) => onProgress(0.5 + share / 2));
}

/** The keystore as a file's text, with the accounts as they are named now. */
export async function exportKeystore() {
  const { keystore } = await store.get("keystore", "wallet");
  return `${JSON.stringify({ ...keystore, accounts: listed(session.accounts) }, null, 1)}\n`;
}

/** Forget the wallet and all that belongs to it in this browser. */
export async function forget() {
  await session.lock();
  await store.clear();
  await session.reload({ isOwn: true });
}
