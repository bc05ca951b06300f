import { Fault } from "../../kit/fault.ts";

/** A page of what is already in order, after what `nextToken` names. */
export function page<T>(
  all: readonly T[],
  { maxResults, nextToken }: { maxResults?: number; nextToken?: string },
  idOf: (item: T) => string,
): { items: T[]; nextToken?: string } {
  const limit = pageSize(maxResults);
  const after = nextToken === undefined ? undefined : readToken(nextToken);
  const start = after === undefined ? 0 : all.findIndex((item) => idOf(item) === after) + 1;
  if (after !== undefined && start === 0) throw invalidToken();
  const items = all.slice(start, start + limit);
  const last = items.at(-1);
  return { items, nextToken: last !== undefined && start + limit < all.length ? writeToken(idOf(last)) : undefined };
}

/** 0 means the default, as AWS has it. */
export function pageSize(maxResults: number | undefined, defaultSize = 100): number {
  return maxResults === undefined || maxResults === 0 ? defaultSize : maxResults;
}

export function writeToken(position: string): string {
  return Buffer.from(position).toString("base64url");
}

export function readToken(token: string): string {
  const position = Buffer.from(token, "base64url").toString();
  if (position === "" || writeToken(position) !== token) throw invalidToken();
  return position;
}

function invalidToken(): Fault {
  return new Fault("InvalidToken", "Invalid Token: 'Invalid token'");
}
