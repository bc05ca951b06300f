import type { Json } from "../kit/json.ts";
import { type Check, type Fields, isObject, type Place } from "./validate-check.ts";
import { validatePayload, validateTwins } from "./validate-values.ts";

/** Characters that AWS refuses in names. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are among them
const forbiddenInNames = /[\s?*<>{}[\]"#%\\^|~`$&,;:/\u0000-\u001f\u007f-\u009f]/u;
const maxLabelLength = 40;

export function validateMap(check: Check, state: Fields, place: Place): undefined {
  const field = state["ItemProcessor"] === undefined ? "Iterator" : "ItemProcessor";
  const processor = state[field];
  if (state["ItemProcessor"] !== undefined && state["Iterator"] !== undefined) {
    check.report("Only one of the fields [ItemProcessor, Iterator] can be set", place.path);
  }
  if (processor === undefined) check.report("The field 'ItemProcessor' is required but was missing", place.path);
  else check.validateScope(processor, { path: `${place.path}/${field}`, language: check.machineLanguage });
  const mode = modeOf(check, processor, `${place.path}/${field}/ProcessorConfig`);
  for (const name of ["ItemSelector", "ItemBatcher", "ItemReader", "ResultWriter"]) {
    validatePayload(check, { value: state[name], field: name, place });
  }
  for (const name of ["MaxConcurrency", "ToleratedFailureCount", "ToleratedFailurePercentage"]) {
    validateTwins(check, state, { field: name, place, least: 0 });
  }
  const percentage = state["ToleratedFailurePercentage"];
  if (typeof percentage === "number" && percentage > 100) {
    check.report("Expected value of type Number, at most 100", `${place.path}/ToleratedFailurePercentage`);
  }
  validateLabel(check, state["Label"], `${place.path}/Label`);
  if (mode === "DISTRIBUTED") {
    if (check.type === "EXPRESS") check.report("Express state machine does not support Distributed Map", place.path);
    return;
  }
  for (const name of ["ItemReader", "ItemBatcher", "ResultWriter", "Label"]) {
    if (state[name] !== undefined)
      check.report(`Field '${name}' is only supported by a Map of the mode DISTRIBUTED`, `${place.path}/${name}`);
  }
}

function modeOf(check: Check, processor: Json | undefined, path: string): string {
  const config = isObject(processor) ? processor["ProcessorConfig"] : undefined;
  if (config === undefined) return "INLINE";
  if (!isObject(config)) {
    check.report("Expected value of type Object", path);
    return "INLINE";
  }
  const { Mode: mode = "INLINE", ExecutionType: executionType } = config;
  if (mode !== "INLINE" && mode !== "DISTRIBUTED") {
    check.report("The field 'Mode' should have one of these values: [INLINE, DISTRIBUTED]", `${path}/Mode`);
  }
  if (executionType !== undefined && executionType !== "STANDARD" && executionType !== "EXPRESS") {
    check.report(
      "The field 'ExecutionType' should have one of these values: [STANDARD, EXPRESS]",
      `${path}/ExecutionType`,
    );
  }
  for (const name of Object.keys(config)) {
    if (name !== "Mode" && name !== "ExecutionType")
      check.report(`Field '${name}' is not supported`, `${path}/${name}`);
  }
  return mode as string;
}

function validateLabel(check: Check, label: Json | undefined, location: string): undefined {
  if (label === undefined) return;
  if (typeof label !== "string") return check.report("Expected value of type String", location);
  if (label === "") return check.report("Label cannot be empty", location);
  if (label.length > maxLabelLength) return check.report(`Label cannot exceed ${maxLabelLength} characters`, location);
  const forbidden = forbiddenInNames.exec(label)?.[0];
  if (forbidden !== undefined) check.report(`Label contains invalid character: '${forbidden}'`, location);
}
