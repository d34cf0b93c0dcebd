// What a page with a wallet says about its site: the data of the element that templates/components/sign_box.html draws.
const { dataset } = document.querySelector("[data-wallet-config]");

/** The chain's name, the cost of scrypt, the CSRF token, the icons. */
export const config = {
  network: dataset.network,
  cost: 2 ** Number(dataset.scrypt),
  csrf: dataset.csrf,
  sprite: dataset.sprite,
};

/** Whether the browser seals and signs by itself: not on plain http under a foreign name. */
export const isSecure = Boolean(globalThis.crypto?.subtle);
