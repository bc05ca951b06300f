import type { Json } from "../../../kit/json.ts";

/** The headers of an answer as Step Functions shows them, with the same members in the same order. */
export function httpMetadata(headers: readonly [name: string, value: string][]): { [name: string]: Json } {
  const sorted = headers.toSorted(([a], [b]) => compare(a.toLowerCase(), b.toLowerCase()));
  return {
    AllHttpHeaders: Object.fromEntries(headers.map(([name, value]) => [name, [value]])),
    HttpHeaders: Object.fromEntries(sorted),
    HttpStatusCode: 200,
  };
}

/** Such as `Fri, 20 Nov 2026 23:00:00 GMT`. */
export function httpDate(ms: number): string {
  return new Date(ms).toUTCString();
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
