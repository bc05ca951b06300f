import type { InputTransformer } from "@aws-sdk/client-eventbridge";
import { Fault } from "../../kit/fault.ts";
import { isJson, type Json } from "../../kit/json.ts";
import type { BusEvent } from "./event.ts";

/** What of an event a target gets: all of it, a part, a fixed text, or a template filled with parts. */
export interface InputChoice {
  Input?: string;
  InputPath?: string;
  InputTransformer?: InputTransformer;
}

export interface RuleNames {
  arn: string;
  name: string;
}

/** As EventBridge. */
const mostVariables = 100;

export function targetInput(choice: InputChoice, event: BusEvent, rule: RuleNames): string {
  if (choice.Input !== undefined) return choice.Input;
  if (choice.InputPath !== undefined) return JSON.stringify(atPath(event, parsePath(choice.InputPath)) ?? null);
  if (choice.InputTransformer !== undefined) return fill(choice.InputTransformer, event, rule);
  return JSON.stringify(event);
}

/** Refuses, when the target is put, what could not be made when an event comes. */
export function checkInput(choice: InputChoice): void {
  const given = [choice.Input, choice.InputPath, choice.InputTransformer].filter((one) => one !== undefined);
  if (given.length > 1) {
    throw invalid("Only one of Input, InputPath, or InputTransformer must be provided for a target.");
  }
  if (choice.Input !== undefined && !isJson(choice.Input)) throw invalid("JSON text in Input is not valid.");
  if (choice.InputPath !== undefined) parsePath(choice.InputPath);
  if (choice.InputTransformer === undefined) return;
  const paths = Object.entries(choice.InputTransformer.InputPathsMap ?? {});
  if (paths.length > mostVariables) throw invalid(`InputPathsMap has more than ${mostVariables} variables.`);
  for (const [name, path] of paths) {
    if (/^aws\./i.test(name)) throw invalid(`the variable ${name} is reserved: names must not begin with "AWS."`);
    parsePath(path);
  }
  if (!choice.InputTransformer.InputTemplate) throw invalid("InputTemplate must not be empty.");
}

function fill({ InputPathsMap, InputTemplate }: InputTransformer, event: BusEvent, rule: RuleNames): string {
  const variables = new Map<string, Json | undefined>([
    ["aws.events.rule-arn", rule.arn],
    ["aws.events.rule-name", rule.name],
    ["aws.events.event.ingestion-time", event["time"]],
    ["aws.events.event", event],
    ["aws.events.event.json", event],
  ]);
  for (const [name, path] of Object.entries(InputPathsMap ?? {})) variables.set(name, atPath(event, parsePath(path)));
  const template = InputTemplate ?? "";
  let filled = "";
  let isInString = false;
  for (let i = 0; i < template.length; i++) {
    const character = template[i] as string;
    const name = character === "<" ? /^<([\w.-]+)>/.exec(template.slice(i, i + 300))?.[1] : undefined;
    if (name !== undefined && variables.has(name)) {
      filled += asText(variables.get(name), isInString);
      i += name.length + 1;
    } else if (character === "\\") {
      filled += character + (template[++i] ?? "");
    } else {
      if (character === '"') isInString = !isInString;
      filled += character;
    }
  }
  return filled;
}

/** In quotes a text stands for itself; outside, each value is JSON. */
function asText(value: Json | undefined, isInString: boolean): string {
  if (!isInString) return JSON.stringify(value ?? null);
  const text = typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);
  return JSON.stringify(text).slice(1, -1);
}

/** `$`, `.name`, `['name']` and `[0]`: all that EventBridge has. */
function parsePath(path: string): (string | number)[] {
  const steps: (string | number)[] = [];
  const step = /\.([\w-]+)|\['([^']+)'\]|\["([^"]+)"\]|\[(\d+)\]/y;
  let at = 1;
  while (path.startsWith("$") && at < path.length) {
    step.lastIndex = at;
    const match = step.exec(path);
    if (match === null) break;
    steps.push(match[4] === undefined ? ((match[1] ?? match[2] ?? match[3]) as string) : Number(match[4]));
    at = step.lastIndex;
  }
  if (!path.startsWith("$") || at < path.length) {
    throw invalid(`Invalid InputPath for target: "${path}" is not a path such as $.detail.name or $.resources[0].`);
  }
  return steps;
}

function atPath(event: Json, steps: (string | number)[]): Json | undefined {
  let value: Json | undefined = event;
  for (const step of steps) {
    if (typeof value !== "object" || value === null) return undefined;
    if (Array.isArray(value)) value = typeof step === "number" ? value[step] : undefined;
    else value = Object.hasOwn(value, step) ? value[step] : undefined;
  }
  return value;
}

function invalid(message: string): Fault {
  return new Fault("ValidationException", message);
}
