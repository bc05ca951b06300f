import { createHash } from "node:crypto";
import { Fault } from "../../kit/fault.ts";

/** A page of what is already in order, after what `nextToken` names. `list` names what is listed: tokens of others are refused. */
export function page<T>(
  all: readonly T[],
  { maxResults, nextToken }: { maxResults?: number; nextToken?: string },
  { list, idOf }: { list: string; idOf: (item: T) => string },
): { items: T[]; nextToken?: string } {
  const limit = pageSize(maxResults);
  const after = nextToken === undefined ? undefined : readToken(nextToken, list);
  const start = after === undefined ? 0 : all.findIndex((item) => idOf(item) === after) + 1;
  if (after !== undefined && start === 0) throw invalidToken();
  const items = all.slice(start, start + limit);
  const last = items.at(-1);
  return {
    items,
    nextToken: last !== undefined && start + limit < all.length ? writeToken(idOf(last), list) : undefined,
  };
}

/** 0 means the default, as AWS has it. */
export function pageSize(maxResults: number | undefined, defaultSize = 100): number {
  return maxResults === undefined || maxResults === 0 ? defaultSize : maxResults;
}

export function writeToken(position: string, list: string): string {
  return Buffer.from(`${markOf(list)}${position}`).toString("base64url");
}

export function readToken(token: string, list: string): string {
  const text = Buffer.from(token, "base64url").toString();
  const position = text.slice(markLength);
  if (position === "" || writeToken(position, list) !== token) throw invalidToken();
  return position;
}

const markLength = 8;

function markOf(list: string): string {
  return createHash("sha256").update(list).digest("hex").slice(0, markLength);
}

function invalidToken(): Fault {
  return new Fault("InvalidToken", "Invalid Token: 'Invalid token'");
}
