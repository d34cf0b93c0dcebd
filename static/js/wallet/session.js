// Who uses the wallet in this tab, and whether it is open. Other pages need two things of it: currentAccount() and
// requireUnlocked().
//
// An open wallet's secrets are in the memory of the page. So that a reload or another page need no passphrase, they
// are also in IndexedDB until the wallet locks itself, encrypted with a key that the browser made and gives to nobody,
// not even to this script. A page that is not secure (http, foreign name) has no such key: there, every page asks.
import { deriveAccount, accountOf } from "./accounts.js";
import { isSecure } from "./config.js";
import { open as openKeystore } from "./keystore.js";
import { fromEntropy, toSeed } from "./mnemonic.js";
import { sign as signBytes } from "./signer.js";
import * as store from "./store.js";
import { fromHex, textOf, toHex, utf8 } from "../verify/bytes.js";

const CHANNEL = "coinai-wallet";
const SHOWN = "coinai-wallet"; // localStorage: the address that the header shows, and until when
const LOOKING = "coinai-wallet-looking"; // sessionStorage: this tab shows a locked wallet without signing
const EXTEND_AFTER = 10; // seconds between two notes that somebody is there

/** Minutes without a touch after which the wallet locks itself; 0 is on every new page. */
export const LOCK_MINUTES = [0, 5, 15, 60, 240];
export const DEFAULT_MINUTES = 15;

/** What cannot be signed, and what to do. */
export class CannotSign extends Error {
  name = "CannotSign";
}

class Session extends EventTarget {
  #secrets = null; // {entropy?, secrets?}, hexadecimal, while the wallet is open
  #keys = new Map(); // address -> {secret, publicKey}
  #expires = 0;
  #channel = new BroadcastChannel(CHANNEL);
  accounts = [];
  current = null;
  hasKeystore = false;
  minutes = DEFAULT_MINUTES;

  constructor() {
    super();
    this.ready = this.#load();
    this.#channel.onmessage = (event) => this.#hear(event.data);
    for (const name of ["pointerdown", "keydown"]) addEventListener(name, () => this.#touch(), { passive: true });
    addEventListener("pageshow", (event) => event.persisted && this.#hear("changed"));
    document.addEventListener("visibilitychange", () => this.#watch());
    setInterval(() => this.#watch(), 1000);
  }

  /** "none", "watching" (addresses only), "locked" or "open". */
  get state() {
    if (!this.accounts.length) return "none";
    if (!this.hasKeystore) return "watching";
    return this.#secrets ? "open" : "locked";
  }

  /** Whether this tab may show the accounts: an open wallet, or somebody who only wants to look. */
  get isShown() {
    return this.state === "open" || this.state === "watching" || (this.state === "locked" && this.isLooking);
  }

  get isLooking() {
    return sessionStorage.getItem(LOOKING) === "yes";
  }

  /** Show the accounts of a locked wallet in this tab; signing still asks for the passphrase. */
  look() {
    sessionStorage.setItem(LOOKING, "yes");
    this.#say("change");
  }

  /** Open the wallet. Throws WrongPassphrase. */
  async unlock(passphrase, onProgress) {
    const row = await store.get("keystore", "wallet");
    await this.adopt(await openKeystore(row.keystore, passphrase, onProgress));
  }

  /** Take secrets that were just opened or sealed, and tell the other tabs. */
  async adopt(secrets) {
    this.#wipe();
    this.#secrets = secrets;
    this.#expires = this.#laterThanNow();
    await this.#seal();
    await this.reload();
    this.#channel.postMessage("unlocked");
  }

  /** Close the wallet, in every tab. */
  async lock() {
    this.#wipe();
    sessionStorage.removeItem(LOOKING);
    await store.remove("session", "session");
    this.#channel.postMessage("locked");
    this.#say("change");
  }

  /** Read accounts and settings again, after they were written; with `isOwn` the other tabs do so too. */
  async reload({ isOwn = false } = {}) {
    this.hasKeystore = Boolean(await store.get("keystore", "wallet"));
    this.accounts = (await store.all("accounts")).sort((a, b) => a.created - b.created || a.index - b.index);
    this.minutes = await store.getSetting("minutes", DEFAULT_MINUTES);
    const chosen = await store.getSetting("current", "");
    this.current = this.accounts.find((account) => account.address === chosen) ?? this.accounts[0] ?? null;
    if (isOwn) this.#channel.postMessage("changed");
    this.#say("change");
  }

  /** Make another account the current one. */
  async choose(address) {
    await store.setSetting("current", address);
    await this.reload({ isOwn: true });
  }

  /** Set after how many minutes without a touch the wallet locks itself. */
  async setMinutes(minutes) {
    await store.setSetting("minutes", minutes);
    this.minutes = minutes;
    this.#expires = this.#laterThanNow();
    if (minutes === 0 || !this.#secrets) await store.remove("session", "session");
    else await this.#seal();
    await this.reload({ isOwn: true });
  }

  /** The public half of the account with this number: {index, path, publicKey, address}. The wallet is open. */
  async derive(index) {
    if (!this.#secrets?.entropy) throw new CannotSign("This wallet has no words; accounts come from words.");
    const { secret, ...account } = await deriveAccount(await this.#seed(), index);
    secret.fill(0);
    return account;
  }

  /** Sign bytes with an account's key -> 128 hexadecimal digits. */
  async sign(account, bytes) {
    if (!this.#secrets) throw new CannotSign("The wallet is locked.");
    this.#touch();
    return signBytes((await this.#keyOf(account)).secret, bytes);
  }

  async #keyOf(account) {
    if (!this.#keys.has(account.address)) await this.#findKey(account);
    return this.#keys.get(account.address);
  }

  async #findKey(account) {
    if (account.source === "words") {
      this.#keys.set(account.address, await deriveAccount(await this.#seed(), account.index));
    } else {
      for (const secret of this.#secrets.secrets ?? []) {
        const found = await accountOf(fromHex(secret));
        this.#keys.set(found.address, found);
      }
    }
    if (!this.#keys.has(account.address)) throw new CannotSign("This wallet does not hold the key of that address.");
  }

  #seed() {
    return toSeed(fromEntropy(fromHex(this.#secrets.entropy)));
  }

  async #load() {
    await this.reload();
    await this.#restore();
  }

  async #restore() {
    const row = await store.get("session", "session");
    if (!row) return;
    if (row.expires <= Date.now() || !this.hasKeystore || !isSecure) return void (await store.remove("session", "session"));
    try {
      const content = await crypto.subtle.decrypt({ name: "AES-GCM", iv: fromHex(row.nonce) }, row.key, row.sealed);
      this.#secrets = JSON.parse(textOf(new Uint8Array(content)));
    } catch {
      return void (await store.remove("session", "session")); // damaged: the passphrase opens the keystore still
    }
    this.#expires = row.expires;
    this.#say("change");
  }

  async #seal() {
    if (!isSecure || this.minutes === 0) return;
    const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
    const nonce = crypto.getRandomValues(new Uint8Array(12));
    const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, key, utf8(JSON.stringify(this.#secrets)));
    await store.put("session", { name: "session", key, nonce: toHex(nonce), sealed, expires: this.#expires });
  }

  #laterThanNow() {
    return Date.now() + 60000 * (this.minutes || DEFAULT_MINUTES);
  }

  // Somebody is there: the lock waits longer, here and for the other tabs.
  async #touch() {
    const later = this.#laterThanNow();
    if (!this.#secrets || Date.now() >= this.#expires || later - this.#expires < 1000 * EXTEND_AFTER) return;
    this.#expires = later;
    this.#show();
    const row = await store.get("session", "session");
    if (row) await store.put("session", { ...row, expires: later });
  }

  async #watch() {
    if (!this.#secrets || Date.now() < this.#expires) return;
    const row = await store.get("session", "session");
    if (row && row.expires > Date.now()) this.#expires = row.expires; // another tab was used
    else if (this.#secrets) await this.lock();
  }

  async #hear(message) {
    if (message === "locked") {
      this.#wipe();
      sessionStorage.removeItem(LOOKING);
      this.#say("change");
    } else {
      await this.reload();
      if (!this.hasKeystore) this.#wipe();
      if (!this.#secrets) await this.#restore();
      this.#say("change");
    }
  }

  #wipe() {
    for (const { secret } of this.#keys.values()) secret.fill(0);
    this.#keys.clear();
    this.#secrets = null;
    this.#expires = 0;
  }

  // The header of every page shows the address of an open wallet without opening the database.
  #show() {
    if (this.#secrets && this.current)
      localStorage.setItem(SHOWN, JSON.stringify({ address: this.current.address, until: this.#expires }));
    else localStorage.removeItem(SHOWN);
    dispatchEvent(new Event("walletshown"));
  }

  #say(name) {
    this.#show();
    this.dispatchEvent(new Event(name));
  }
}

export const session = new Session();

/** {address, publicKey, label, source, index} of the account in use, or null. Wait for `session.ready` first. */
export function currentAccount() {
  return session.current;
}

/**
 * An account that can sign, after asking for the passphrase if the wallet is locked: {address, publicKey, sign(bytes)}.
 * Throws CannotSign when there is no wallet, it only watches the address, or the person does not open it.
 */
export async function requireUnlocked() {
  await session.ready;
  if (session.state === "none") throw new CannotSign("There is no wallet in this browser yet. Make or restore one first.");
  const account = session.current;
  if (account.source === "watch")
    throw new CannotSign("This wallet only watches that address: its key is elsewhere. Choose another account to sign.");
  if (session.state === "locked") {
    const { askToUnlock } = await import("./unlock_box.js");
    if (!(await askToUnlock(session))) throw new CannotSign("The wallet stayed locked; nothing was signed.");
  }
  return { address: account.address, publicKey: account.publicKey, sign: (bytes) => session.sign(account, bytes) };
}
