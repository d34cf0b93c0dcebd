// Signing in to the site with the wallet: the message is shown before it is signed, and it moves no coins.
import { read, send } from "../client.js";
import { complain, element, hash } from "../dom.js";
import { requireUnlocked, session } from "../session.js";
import { signInBytes } from "../sign_in.js";
import { box } from "../unlock_box.js";
import { duration } from "../../format.js";

const panel = document.querySelector("[data-sign-in]");
const find = (selector) => panel.querySelector(selector);
const problem = find("[data-sign-in-problem]");

/** Show who is signed in, and let the buttons work; once a page. */
export function startSignIn() {
  find("[data-sign-in-button]").addEventListener("click", () => attempt(signIn));
  find("[data-sign-out]").addEventListener("click", () => attempt(() => send("DELETE", "/api/v1/session")));
  find("[data-sign-out-all]").addEventListener("click", () => attempt(() => send("DELETE", "/api/v1/sessions")));
  session.addEventListener("change", draw);
  draw();
  if (!new URLSearchParams(location.search).get("next")) return;
  complain(problem, "That page is for who is signed in. Sign in, and it opens.");
  panel.scrollIntoView({ block: "center" });
}

async function attempt(work) {
  complain(problem, null);
  try {
    await work();
  } catch (error) {
    complain(problem, error);
  }
  await draw();
}

async function draw() {
  if (!session.current) return;
  let signedIn;
  try {
    signedIn = await read("/api/v1/session");
  } catch (error) {
    return complain(problem, error);
  }
  const { address, expires } = signedIn;
  const isMine = address === session.current.address;
  find("[data-sign-in-words]").replaceChildren(
    ...(address
      ? ["Signed in as ", hash(address, { url: `/addresses/${address}/` }), isMine ? "" : " (another account than the one in use)", `, for ${duration(expires - Date.now() / 1000)}.`]
      : ["Not signed in. Pages that act for you, such as joining the pool, ask you to. Looking at the chain and sending coins need no sign-in."]),
  );
  find("[data-sign-in-button]").hidden = isMine || session.current.source === "watch";
  find("[data-sign-out]").hidden = !address;
  find("[data-sign-out-all]").hidden = !address;
}

async function signIn() {
  const { address } = session.current;
  const { message } = await send("POST", "/api/v1/session/challenge", { address });
  if (!(await agree(message))) return;
  const signer = await requireUnlocked();
  const signature = await signer.sign(signInBytes(message));
  const next = new URLSearchParams(location.search).get("next") ?? "";
  const answer = await send("POST", "/api/v1/session", { key: signer.publicKey, message, signature, next });
  if (answer.next) location.assign(answer.next); // the server lets only its own pages pass
}

function agree(message) {
  return new Promise((resolve) => {
    let isAgreed = false;
    const dialog = box("Sign in", () => resolve(isAgreed));
    const isOurs = message.startsWith(`${location.host} wants you to sign in`);
    const sign = element("button", { type: "button", class: "button button-main", disabled: !isOurs }, "Sign this message");
    sign.addEventListener("click", () => {
      isAgreed = true;
      dialog.close();
    });
    dialog.append(
      element("p", { class: "quiet" }, "Your wallet signs this text. It is for this site alone and holds for some minutes."),
      element("pre", { class: "raw", tabindex: "0" }, message),
      element("p", { class: "problem", role: "alert" }, isOurs ? "" : `This message is not for ${location.host}. Do not sign it.`),
      element("div", { class: "buttons" }, sign, element("button", { type: "button", class: "button", click: () => dialog.close() }, "Back")),
    );
    dialog.showModal();
  });
}
