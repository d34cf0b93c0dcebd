// On a keeper's page, for whoever has its key in this browser: leaving.
import { group } from "../format.js";
import { hash } from "../wallet/dom.js";
import { session } from "../wallet/session.js";
import { review } from "../wallet/sign_box.js";

const place = document.querySelector("[data-leave]");

function show() {
  place.hidden = !session.isShown || session.current?.address !== place.dataset.address;
}

async function leave() {
  const lines = [
    "You stop being a keeper. Your replicas are dropped at once; the network copies them elsewhere.",
    `Audits that are open must still be answered, within ${group(Number(place.dataset.proof))} blocks each: keep the program running until then.`,
    `Your bond comes back ${group(Number(place.dataset.unbond))} blocks after the block that holds this.`,
  ];
  const sent = await review({ kind: "leave", body: {}, lines });
  if (!sent) return;
  place
    .querySelector("[data-sent]")
    .replaceChildren("On its way: ", hash(sent.txid, { url: `/transactions/${sent.txid}/` }), " waits for a block; this page shows it when it is in one.");
}

place.querySelector("[data-leave-start]").addEventListener("click", leave);
session.addEventListener("change", show);
await session.ready;
show();
