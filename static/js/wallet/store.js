// What the wallet keeps in this browser (IndexedDB): the sealed keystore, the accounts, contacts, settings, the sealed
// session, and what was sent lately. Secrets are in the keystore and in the session alone, both encrypted.
const NAME = "coinai-wallet";
const VERSION = 1;
const TABLES = {
  keystore: "name",
  accounts: "address",
  contacts: "address",
  settings: "name",
  session: "name",
  sent: "txid",
};

let opened = null;

/** The browser keeps nothing here: a private window, or storage that is forbidden. */
export class NoStorage extends Error {
  name = "NoStorage";
}

function connect() {
  opened ??= new Promise((resolve, reject) => {
    const fail = () => {
      opened = null;
      reject(new NoStorage("This browser does not let the page keep anything. A private window or a setting forbids it."));
    };
    if (!globalThis.indexedDB) return fail();
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => {
      for (const [table, key] of Object.entries(TABLES)) request.result.createObjectStore(table, { keyPath: key });
    };
    request.onerror = fail;
    request.onsuccess = () => {
      const database = request.result;
      // Another tab deletes or changes the database: let it, and open it again when it is needed.
      database.onversionchange = () => {
        database.close();
        opened = null;
      };
      resolve(database);
    };
  });
  return opened;
}

async function run(tables, mode, work) {
  const database = await connect();
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(tables, mode);
    let result;
    transaction.oncomplete = () => resolve(result?.result);
    transaction.onabort = () => reject(transaction.error);
    result = work((table) => transaction.objectStore(table));
  });
}

/** One row of a table; undefined for none. */
export function get(table, key) {
  return run([table], "readonly", (open) => open(table).get(key));
}

/** All rows of a table. */
export function all(table) {
  return run([table], "readonly", (open) => open(table).getAll());
}

/** Write rows, over those with the same key. */
export function put(table, ...rows) {
  return run([table], "readwrite", (open) => {
    for (const row of rows) open(table).put(row);
  });
}

/** Take a row away. */
export function remove(table, key) {
  return run([table], "readwrite", (open) => {
    open(table).delete(key);
  });
}

/** Write a new keystore and its accounts in one step; fails when there is a keystore already. */
export function found(keystore, accounts) {
  return run(["keystore", "accounts"], "readwrite", (open) => {
    open("keystore").add({ name: "wallet", keystore });
    for (const account of accounts) open("accounts").put(account);
  });
}

/** Put another keystore in the place of the present one, together with accounts. */
export function reseal(keystore, accounts) {
  return run(["keystore", "accounts"], "readwrite", (open) => {
    open("keystore").put({ name: "wallet", keystore });
    for (const account of accounts) open("accounts").put(account);
  });
}

/** Forget everything, contacts included. */
export function clear() {
  return run(Object.keys(TABLES), "readwrite", (open) => {
    for (const table of Object.keys(TABLES)) open(table).clear();
  });
}

/** The value of a setting. */
export async function getSetting(name, otherwise) {
  return (await get("settings", name))?.value ?? otherwise;
}

/** Remember a setting. */
export function setSetting(name, value) {
  return put("settings", { name, value });
}
