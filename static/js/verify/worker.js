// One worker: takes {id, task, payload}, answers {id, share} on the way and {id, result}, {id, refused} or {id, failed}.
import { Refused } from "./refused.js";
import { TASKS } from "./tasks.js";

const TELL_MS = 100;

addEventListener("message", ({ data: { id, task, payload } }) => {
  let last = performance.now();
  const tell = (share) => {
    if (performance.now() - last < TELL_MS) return;
    last = performance.now();
    postMessage({ id, share });
  };
  try {
    postMessage({ id, result: TASKS[task]({ ...payload, tell }) });
  } catch (error) {
    if (error instanceof Refused) postMessage({ id, refused: error.message });
    else postMessage({ id, failed: String(error) });
  }
});
