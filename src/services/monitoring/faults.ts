import { Fault } from "../../kit/fault.ts";

export const invalidValue = (message: string): Fault => new Fault("InvalidParameterValue", message);

export const invalidCombination = (message: string): Fault => new Fault("InvalidParameterCombination", message);

export const missingParameter = (message: string): Fault => new Fault("MissingParameter", message);

export const invalidRequest = (message: string): Fault => new Fault("ValidationError", message);

export const alarmNotFound = (): Fault => new Fault("ResourceNotFound", "Alarm does not exist", { status: 404 });

/** What page `token` stands for: a text that the pages' maker chose. */
export function pageStart(token: string | undefined): string | undefined {
  if (token === undefined) return undefined;
  const text = Buffer.from(token, "base64url").toString();
  if (!text.startsWith("page:")) throw new Fault("InvalidNextToken", "The next token specified is invalid.");
  return text.slice("page:".length);
}

export function pageToken(start: string | undefined): string | undefined {
  return start === undefined ? undefined : Buffer.from(`page:${start}`).toString("base64url");
}
