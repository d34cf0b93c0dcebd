// Runs a few steps that need nothing but what they check, one after another.
import { Refused } from "./refused.js";

/**
 * Run steps over what they check, in order; `tell(id, {state, says, rows})` hears "passed", "failed" or "skipped" for
 * each. Returns whether all passed. Errors other than Refused are faults of the check and are thrown.
 */
export function runSteps(steps, subject, tell) {
  let broken = null;
  for (const { id, title, run } of steps) {
    if (broken) {
      tell(id, { state: "skipped", says: `Not reached: it needs “${broken}”.` });
      continue;
    }
    try {
      tell(id, { state: "passed", ...run(subject) });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      broken = title;
      tell(id, { state: "failed", says: error.message });
    }
  }
  return broken === null;
}
