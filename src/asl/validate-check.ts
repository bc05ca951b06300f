import type { Json } from "../kit/json.ts";
import type { Language } from "./fields.ts";

/** What every part of the validator shares: where findings go, and how to descend. Checks answer undefined, so a check can end with a finding. */
export interface Check {
  type: "STANDARD" | "EXPRESS";
  machineLanguage: Language;
  report(message: string, location: string, code?: string): undefined;
  /** What does not make a definition unusable. */
  warn(code: string, message: string, location: string): void;
  validateScope(scope: Json | undefined, place: Place): undefined;
}

/** Where something stands, as a path like `/States/Classify`, and which language is spoken there. */
export interface Place {
  path: string;
  language: Language;
}

export type Fields = { [name: string]: Json };

export function isObject(value: Json | undefined): value is Fields {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** Reports `message` when `compiles` throws. */
export function checkSyntax(
  check: Check,
  { message, location }: { message: string; location: string },
  compiles: () => unknown,
): undefined {
  try {
    compiles();
  } catch {
    check.report(message, location);
  }
}
