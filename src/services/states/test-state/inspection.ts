import type { InspectionData } from "@aws-sdk/client-sfn";
import type { Inspected } from "../../../asl/draft.ts";
import type { StateOutcome } from "../../../asl/test-state.ts";
import type { Fields } from "./definition-under-test.ts";

/* Which stages of the data flow TestState shows depends on the state's type and query language, as recorded. */

const numbers = ["maxConcurrency", "toleratedFailureCount", "toleratedFailurePercentage"] as const;
const results: Inspected[] = ["afterResultSelector", "afterResultPath"];
const iterations: Inspected[] = ["afterItemsPointer", "afterItemSelector", "afterItemBatcher", ...numbers];

const shownInJsonPath: { [type: string]: Inspected[] } = {
  Pass: ["afterInputPath", "afterParameters", ...results],
  Task: ["afterInputPath", "afterParameters", "result", ...results],
  Choice: ["afterInputPath"],
  Wait: ["afterInputPath"],
  Succeed: ["afterInputPath"],
  Fail: ["afterInputPath"],
  Parallel: results,
  Map: ["afterInputPath", "afterItemsPath", ...iterations, ...results],
};
const shownInJsonata: { [type: string]: Inspected[] } = {
  Task: ["afterParameters", "result"],
  Map: iterations,
};

export function inspectionOf(
  { inspected, variables, handler }: StateOutcome,
  { state, isJsonata, inputText }: { state: Fields; isJsonata: boolean; inputText: string },
): InspectionData {
  const type = String(state["Type"]);
  const hasOwnResult = type === "Pass" && !isJsonata && state["Result"] !== undefined;
  const shown = hasOwnResult ? ["result" as const, ...results] : (isJsonata ? shownInJsonata : shownInJsonPath)[type];
  const data: Record<string, unknown> = { input: inputText };
  for (const name of shown ?? []) {
    const value = inspected[name];
    if (value === undefined) continue;
    const isNumber = (numbers as readonly string[]).includes(name);
    data[isJsonata && name === "afterParameters" ? "afterArguments" : name] = isNumber ? value : JSON.stringify(value);
  }
  if (Object.keys(variables).length > 0) data["variables"] = JSON.stringify(variables);
  if (handler !== undefined) data["errorDetails"] = handler;
  return data as InspectionData;
}
