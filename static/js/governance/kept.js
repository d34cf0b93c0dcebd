// What the page of a proposal remembers across a reload: the upload with its token, and what was typed.
const KEY = "coinai-propose";

export function load() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? null;
  } catch {
    return null; // storage is forbidden here, or damaged: the page begins anew
  }
}

export function save(value) {
  try {
    if (value) localStorage.setItem(KEY, JSON.stringify(value));
    else localStorage.removeItem(KEY);
  } catch {
    // Storage is forbidden here: a reload begins anew.
  }
}
