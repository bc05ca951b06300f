import type { Message } from "@aws-sdk/client-sqs";
import { compilePattern, type EventPattern, PatternError } from "../../kit/event-pattern.ts";
import type { Json } from "../../kit/json.ts";
import { invalid } from "./settings.ts";

/** Whether a message passes: one of the filters must match, and without filters all pass. */
export type MessageFilter = (message: Message) => boolean;

export function compileFilters(patterns: readonly string[]): MessageFilter {
  const filters = patterns.map(compileFilter);
  return (message) => filters.length === 0 || filters.some((matches) => matches(message));
}

function compileFilter(text: string): MessageFilter {
  let pattern: Json;
  let matches: EventPattern;
  try {
    pattern = JSON.parse(text) as Json;
    matches = compilePattern(pattern);
  } catch (error) {
    if (!(error instanceof PatternError) && !(error instanceof SyntaxError)) throw error;
    throw invalid("Invalid filter pattern definition.");
  }
  // As on AWS: a list is compared with the body as text, anything else with the body as JSON.
  const wantsText = isObject(pattern) && Array.isArray(pattern["body"]);
  return ({ Body = "", Attributes = {}, MessageAttributes = {}, MessageId = "" }) => {
    const body = wantsText ? Body : jsonOf(Body);
    const attributes = Object.entries(MessageAttributes).map(([name, { DataType = "", StringValue = "" }]) => [
      name,
      { dataType: DataType, stringValue: StringValue },
    ]);
    return matches({
      messageId: MessageId,
      attributes: Attributes as Record<string, string>,
      messageAttributes: Object.fromEntries(attributes) as Record<string, Json>,
      ...(body !== undefined && { body }),
    });
  };
}

function isObject(value: Json): value is { [name: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function jsonOf(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
