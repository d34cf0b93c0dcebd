// The header's link to the wallet: while a wallet of this browser is open it names the account in use.
import { short } from "../format.js";

const KEY = "coinai-wallet";
const link = document.querySelector("[data-wallet-link]");
const place = link.querySelector("[data-wallet-address]");
const signedIn = place.textContent;

function show() {
  let words = signedIn;
  try {
    const { address, until } = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    if (address && until > Date.now()) words = short(address, 6, 4);
  } catch {
    // Storage is forbidden here: the header names who is signed in, if anybody.
  }
  if (place.textContent !== words) place.textContent = words;
}

addEventListener("storage", (event) => event.key === KEY && show());
addEventListener("walletshown", show);
setInterval(show, 15000); // until the wallet locks itself
show();
