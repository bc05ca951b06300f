import { Fault } from "../kit/fault.ts";
import type { Json } from "../kit/json.ts";
import { compileRule } from "./choice-rule.ts";
import type { Evaluate } from "./evaluation.ts";
import { runtimeFailure } from "./failure.ts";
import type { Language } from "./fields.ts";
import { integrationOf } from "./integration.ts";
import { compileJsonataTemplate, compileTypedField } from "./jsonata/template.ts";
import type {
  Catcher,
  ChoiceRule,
  DistributedMap,
  Flow,
  Machine,
  NumberField,
  Retrier,
  Scope,
  State,
  WaitUntil,
} from "./machine.ts";
import { compilePath } from "./paths/read.ts";
import { compileReference } from "./paths/reference.ts";
import { findPath, readPath } from "./paths/root.ts";
import { compileReferenceOrCall, compileTemplate } from "./template.ts";
import { validate } from "./validate.ts";

type Fields = { [name: string]: Json };

/** AWS ends an EXPRESS execution after five minutes. */
const maxExpressSeconds = 300;
/** MaxDelaySeconds of a retrier that sets none: the most that one may set, so that backing off stays a number. */
const longestDelaySeconds = 31_622_400;

/**
 * Compiles a definition (its text, or what it parses to) once for all its executions.
 * A definition that AWS refuses is refused with the Fault InvalidDefinition and AWS's text.
 */
export function compile(definition: string | Json, options: { type?: "STANDARD" | "EXPRESS" } = {}): Machine {
  const problems = validate(definition, options).filter(({ severity }) => severity === "ERROR");
  if (problems.length > 0) {
    const texts = problems.map(
      ({ code, message, location }) => `${code}: ${message}${location?.startsWith("/") ? ` at ${location}` : ""}`,
    );
    throw new Fault("InvalidDefinition", `Invalid State Machine Definition: '${texts.join(", ")}'`);
  }
  const machine = (typeof definition === "string" ? JSON.parse(definition) : definition) as Fields;
  const given = machine["TimeoutSeconds"] as number | undefined;
  const timeoutSeconds = options.type === "EXPRESS" ? Math.min(given ?? maxExpressSeconds, maxExpressSeconds) : given;
  return { scope: compileScope(machine, languageOf(machine, "JSONPath")), timeoutSeconds };
}

function languageOf(fields: Fields, inherited: Language): Language {
  return (fields["QueryLanguage"] as Language | undefined) ?? inherited;
}

/** States that name no query language speak that of the whole machine, also inside a state that speaks another. */
function compileScope(scope: Fields, machineLanguage: Language): Scope {
  const states = Object.entries(scope["States"] as { [name: string]: Fields });
  const compiled = states.map(
    ([name, fields]) =>
      [name, compileState(name, fields, { machineLanguage, language: languageOf(fields, machineLanguage) })] as const,
  );
  return { startAt: scope["StartAt"] as string, states: new Map(compiled) };
}

function compileState(
  name: string,
  fields: Fields,
  { language, machineLanguage }: { language: Language; machineLanguage: Language },
): State {
  const flow = compileFlow(name, fields, language);
  const payload = (field: string) => compilePayload(fields, field, language);
  switch (fields["Type"] as State["type"]) {
    case "Pass":
      return { ...flow, type: "Pass", result: compilePassResult(fields, language) };
    case "Task":
      return {
        ...flow,
        type: "Task",
        resource: fields["Resource"] as string,
        integration: integrationOf(fields["Resource"] as string) as NonNullable<ReturnType<typeof integrationOf>>,
        arguments: payload(language === "JSONata" ? "Arguments" : "Parameters"),
        timeoutSeconds: compileValue(fields, "TimeoutSeconds", language),
        heartbeatSeconds: compileValue(fields, "HeartbeatSeconds", language),
        credentials: payload("Credentials"),
      };
    case "Choice":
      return {
        ...flow,
        type: "Choice",
        rules: (fields["Choices"] as Fields[]).map((rule, i) => compileChoice(rule, i, language)),
        defaultNext: fields["Default"] as string | undefined,
      };
    case "Wait":
      return { ...flow, type: "Wait", until: compileWait(fields, language) };
    case "Succeed":
      return { ...flow, type: "Succeed" };
    case "Fail":
      return {
        ...flow,
        type: "Fail",
        error: compileFailText(fields, "Error", language),
        cause: compileFailText(fields, "Cause", language),
      };
    case "Parallel":
      return {
        ...flow,
        type: "Parallel",
        arguments: payload(language === "JSONata" ? "Arguments" : "Parameters"),
        branches: (fields["Branches"] as Fields[]).map((branch) => compileScope(branch, machineLanguage)),
      };
    case "Map":
      return { ...flow, type: "Map", ...compileMap(fields, language, machineLanguage) };
  }
}

function compileFlow(name: string, fields: Fields, language: Language): Flow {
  const pathField = (field: string) => {
    const text = fields[field] as string | null | undefined;
    return text === undefined || text === null ? text : compilePath(text);
  };
  const selector = fields["ResultSelector"];
  return {
    name,
    language,
    next: fields["Next"] as string | undefined,
    inputPath: pathField("InputPath"),
    outputPath: pathField("OutputPath"),
    resultSelector: selector === undefined ? undefined : compileTemplate(selector),
    resultPath: compileResultPath(fields),
    assign: compilePayload(fields, "Assign", language),
    output: language === "JSONata" ? compilePayload(fields, "Output", language) : undefined,
    retriers: ((fields["Retry"] ?? []) as Fields[]).map(compileRetrier),
    catchers: ((fields["Catch"] ?? []) as Fields[]).map((catcher) => compileCatcher(catcher, language)),
  };
}

function compileResultPath(fields: Fields): Flow["resultPath"] {
  const text = fields["ResultPath"] as string | null | undefined;
  return text === undefined || text === null ? text : compileReference(text);
}

function compilePayload(fields: Fields, field: string, language: Language): Evaluate | undefined {
  const template = fields[field];
  if (template === undefined) return undefined;
  return language === "JSONata" ? compileJsonataTemplate(template, field) : compileTemplate(template);
}

/** A Pass's Result stands for itself, even members whose names end in `.$`; Parameters are a template. */
function compilePassResult(fields: Fields, language: Language): (State & { type: "Pass" })["result"] {
  if (language === "JSONata") return undefined;
  const { Result: result, Parameters: parameters } = fields;
  if (result !== undefined) return () => result;
  return parameters === undefined ? undefined : compileTemplate(parameters);
}

/** A number: literal, JSONata, or at the end of the twin field `...Path`. */
function compileValue(fields: Fields, field: string, language: Language): Evaluate | undefined {
  const value = fields[field];
  if (value !== undefined) return language === "JSONata" ? compileTypedField(value, field, "number") : () => value;
  const text = fields[`${field}Path`];
  if (text === undefined) return undefined;
  const path = compilePath(text as string);
  return (environment) => readPath(path, environment);
}

function compileRetrier(retrier: Fields): Retrier {
  return {
    errors: retrier["ErrorEquals"] as string[],
    intervalSeconds: (retrier["IntervalSeconds"] as number | undefined) ?? 1,
    maxAttempts: (retrier["MaxAttempts"] as number | undefined) ?? 3,
    backoffRate: (retrier["BackoffRate"] as number | undefined) ?? 2,
    maxDelaySeconds: (retrier["MaxDelaySeconds"] as number | undefined) ?? longestDelaySeconds,
    hasJitter: retrier["JitterStrategy"] === "FULL",
  };
}

function compileCatcher(catcher: Fields, language: Language): Catcher {
  return {
    errors: catcher["ErrorEquals"] as string[],
    next: catcher["Next"] as string,
    resultPath: compileResultPath(catcher),
    assign: compilePayload(catcher, "Assign", language),
    output: language === "JSONata" ? compilePayload(catcher, "Output", language) : undefined,
  };
}

function compileChoice(rule: Fields, position: number, language: Language): ChoiceRule {
  const isJsonata = language === "JSONata";
  return {
    test: isJsonata ? undefined : compileRule(rule),
    condition: isJsonata
      ? compileTypedField(rule["Condition"] as Json, `Choices[${position}]/Condition`, "boolean")
      : undefined,
    next: rule["Next"] as string,
    assign: compilePayload(rule, "Assign", language),
    output: isJsonata ? compilePayload(rule, "Output", language) : undefined,
  };
}

function compileWait(fields: Fields, language: Language): WaitUntil {
  for (const field of ["SecondsPath", "TimestampPath"] as const) {
    if (fields[field] !== undefined) return { field, path: compilePath(fields[field] as string) };
  }
  const field = fields["Seconds"] === undefined ? "Timestamp" : "Seconds";
  const value = fields[field] as Json;
  if (language === "JSONPath") return { field, value: () => value };
  return { field, value: compileTypedField(value, field, field === "Seconds" ? "number" : "string") };
}

function compileFailText(fields: Fields, field: "Error" | "Cause", language: Language): Evaluate | undefined {
  const value = fields[field];
  if (value !== undefined) return language === "JSONata" ? compileTypedField(value, field, "string") : () => value;
  const path = fields[`${field}Path`] as string | undefined;
  return path === undefined ? undefined : compileReferenceOrCall(path, `${field}Path`);
}

function compileMap(fields: Fields, language: Language, machineLanguage: Language) {
  const processor = (fields["ItemProcessor"] ?? fields["Iterator"]) as Fields;
  const itemsPath = fields["ItemsPath"] === undefined ? undefined : compilePath(fields["ItemsPath"] as string);
  const items = fields["Items"];
  const itemsOfPath = itemsPath === undefined ? undefined : compileItemsPath(itemsPath);
  return {
    processor: compileScope(processor, machineLanguage),
    itemsPath,
    items: items === undefined ? itemsOfPath : compileTypedField(items, "Items", "array"),
    itemSelector: compilePayload(fields, "ItemSelector", language) ?? compilePayload(fields, "Parameters", language),
    maxConcurrency: compileNumber(fields, "MaxConcurrency", language),
    toleratedFailureCount: compileNumber(fields, "ToleratedFailureCount", language),
    toleratedFailurePercentage: compileNumber(fields, "ToleratedFailurePercentage", language),
    distributed: compileDistributed(fields, processor, { language, machineLanguage }),
  };
}

function compileItemsPath(path: ReturnType<typeof compilePath>): Evaluate {
  return (environment) => {
    const value = findPath(path, environment);
    if (value === undefined) throw runtimeFailure(`Reference path "${path.text}" must point to array.`);
    return value;
  };
}

function compileNumber(fields: Fields, field: string, language: Language): NumberField | undefined {
  const value = compileValue(fields, field, language);
  if (value === undefined) return undefined;
  const path = fields[`${field}Path`] as string | undefined;
  return { field: path === undefined ? field : `${field}Path`, value, path };
}

function compileDistributed(
  fields: Fields,
  processor: Fields,
  { language, machineLanguage }: { language: Language; machineLanguage: Language },
): DistributedMap | undefined {
  const config = (processor["ProcessorConfig"] ?? {}) as Fields;
  if (config["Mode"] !== "DISTRIBUTED") return undefined;
  const { ProcessorConfig: _config, ...definition } = processor;
  return {
    label: fields["Label"] as string | undefined,
    executionType: (config["ExecutionType"] as "STANDARD" | "EXPRESS" | undefined) ?? "STANDARD",
    processorDefinition: { ...definition, QueryLanguage: machineLanguage },
    itemReader: compilePayload(withTwinsAsTemplate(fields), "ItemReader", language),
    itemBatcher: compilePayload(withTwinsAsTemplate(fields), "ItemBatcher", language),
    resultWriter: compilePayload(fields, "ResultWriter", language),
  };
}

/** `"MaxItemsPath": "$.n"` means `"MaxItems.$": "$.n"`: a template then reads it like any other path. */
function withTwinsAsTemplate(fields: Fields): Fields {
  const twins = /^(MaxItems|MaxItemsPerBatch|MaxInputBytesPerBatch)Path$/;
  const rename = (node: Json): Json => {
    if (node === null || typeof node !== "object" || Array.isArray(node)) return node;
    return Object.fromEntries(
      Object.entries(node).map(([name, value]) => [name.replace(twins, "$1.$"), rename(value)]),
    );
  };
  return Object.fromEntries(
    ["ItemReader", "ItemBatcher"].flatMap((name) => (fields[name] === undefined ? [] : [[name, rename(fields[name])]])),
  );
}
