import { randomUUID } from "node:crypto";
import type { Doors } from "./http-doors.ts";

export interface Refusal {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

/**
 * Refuses an invocation that could only wait in vain before its signature is checked and its body read: under three times
 * the load an endpoint can take, reading what is refused would cost what answering needs. Answers undefined for all others.
 */
export function refusals(refusesNow: (endpointName: string) => boolean): (path: string) => Refusal | undefined {
  return (path) => {
    const name = /^\/endpoints\/([A-Za-z0-9-]+)\/invocations$/.exec(path)?.[1];
    if (name === undefined || !refusesNow(name)) return undefined;
    const requestId = randomUUID();
    const headers = {
      "content-type": "application/json",
      "x-amzn-errortype": "ServiceUnavailable",
      "x-amzn-requestid": requestId,
      "x-amz-request-id": requestId,
      "retry-after": "1",
    };
    return { status: 503, headers, body };
  };
}

/** The same for requests that node:http has read. */
export function shedding(refusal: (path: string) => Refusal | undefined): Doors {
  return (request, response) => {
    const refused = request.method === "POST" ? refusal(request.url ?? "") : undefined;
    if (refused === undefined) return false;
    request.resume();
    response.writeHead(refused.status, { ...refused.headers, "content-length": refused.body.length });
    response.end(refused.body);
    return true;
  };
}

const body = Buffer.from('{"Message":"The service is unavailable. Try your call again."}');
