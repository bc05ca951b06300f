/* Which members a state may have, by type and query language. Anything else is refused by name. */

export type Language = "JSONPath" | "JSONata";

const always = ["Type", "Comment", "QueryLanguage"];
const transition = ["Next", "End"];
const paths = ["InputPath", "OutputPath"];
const handlers = ["Retry", "Catch"];

const fieldsOfBoth: Record<string, string[]> = {
  Task: [...transition, ...handlers, "Resource", "TimeoutSeconds", "HeartbeatSeconds", "Credentials", "Assign"],
  Pass: [...transition, "Assign"],
  Choice: ["Choices", "Default", "Assign"],
  Wait: [...transition, "Seconds", "Timestamp", "Assign"],
  Succeed: [],
  Fail: ["Error", "Cause"],
  Parallel: [...transition, ...handlers, "Branches", "Assign"],
  Map: [
    ...[...transition, ...handlers, "ItemProcessor", "Iterator", "ItemSelector", "MaxConcurrency", "Assign"],
    ...["ToleratedFailureCount", "ToleratedFailurePercentage", "Label", "ItemReader", "ItemBatcher", "ResultWriter"],
  ],
};

const fieldsOfJsonPath: Record<string, string[]> = {
  Task: [...paths, "Parameters", "ResultSelector", "ResultPath", "TimeoutSecondsPath", "HeartbeatSecondsPath"],
  Pass: [...paths, "Result", "Parameters", "ResultPath"],
  Choice: paths,
  Wait: [...paths, "SecondsPath", "TimestampPath"],
  Succeed: paths,
  Fail: ["ErrorPath", "CausePath"],
  Parallel: [...paths, "Parameters", "ResultSelector", "ResultPath"],
  Map: [
    ...[...paths, "Parameters", "ResultSelector", "ResultPath", "ItemsPath", "MaxConcurrencyPath"],
    ...["ToleratedFailureCountPath", "ToleratedFailurePercentagePath"],
  ],
};

const fieldsOfJsonata: Record<string, string[]> = {
  Task: ["Arguments", "Output"],
  Pass: ["Output"],
  Choice: ["Output"],
  Wait: ["Output"],
  Succeed: ["Output"],
  Fail: [],
  Parallel: ["Arguments", "Output"],
  Map: ["Items", "Output"],
};

export const stateTypes = ["Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map"] as const;

export function fieldsOfState(type: string, language: Language): ReadonlySet<string> {
  const ofLanguage = language === "JSONata" ? fieldsOfJsonata : fieldsOfJsonPath;
  return new Set([...always, ...(fieldsOfBoth[type] ?? []), ...(ofLanguage[type] ?? [])]);
}

export const fieldsOfMachine: ReadonlySet<string> = new Set([
  "StartAt",
  "States",
  "Comment",
  "Version",
  "TimeoutSeconds",
  "QueryLanguage",
]);
export const fieldsOfBranch: ReadonlySet<string> = new Set(["StartAt", "States", "Comment", "ProcessorConfig"]);
export const fieldsOfRetrier: ReadonlySet<string> = new Set([
  ...["ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy", "Comment"],
]);
export function fieldsOfCatcher(language: Language): ReadonlySet<string> {
  return new Set(["ErrorEquals", "Next", "Comment", "Assign", language === "JSONata" ? "Output" : "ResultPath"]);
}
