import type { Json } from "../kit/json.ts";
import type { Draft } from "./draft.ts";
import { StateFailure } from "./failure.ts";

/** AWS's limit of a state's input, output and task result, in bytes of UTF-8. */
const maxPayloadBytes = 262_144;

export function isTooLarge(text: string): boolean {
  if (text.length > maxPayloadBytes) return true;
  return text.length * 3 > maxPayloadBytes && Buffer.byteLength(text) > maxPayloadBytes;
}

/** The failure of a state, task type or function (`who`) whose result is larger than the limit. */
export function dataLimitExceeded(kind: "work" | "runtime", who: string): StateFailure {
  const reason = `The state/task '${who}' returned a result with a size exceeding the maximum number of bytes service limit.`;
  return new StateFailure(kind, { error: "States.DataLimitExceeded", reason });
}

/** The JSON text of a state's output, or a failure that nothing handles. */
export function outputText(draft: Draft, stateName: string, output: Json): string {
  const text = draft.text(output);
  if (isTooLarge(text)) throw dataLimitExceeded("runtime", stateName);
  return text;
}
