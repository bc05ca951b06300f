import type { Call } from "../service.ts";

/** What handlers are told of a request, in tests that call them directly. */
export function testCall(about: Partial<Call> = {}): Call {
  return {
    requestId: "request",
    region: "us-east-1",
    accountId: "000000000000",
    baseUrl: "http://127.0.0.1:4566",
    signal: new AbortController().signal,
    ...about,
  };
}
