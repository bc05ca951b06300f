import { randomUUID } from "node:crypto";
import type { Doors } from "./http-doors.ts";

/**
 * Refuses an invocation that could only wait in vain before its signature is checked and its body read: under three times
 * the load an endpoint can take, reading what is refused would cost what answering needs.
 */
export function shedding(refusesNow: (endpointName: string) => boolean): Doors {
  return (request, response) => {
    const name = /^\/endpoints\/([A-Za-z0-9-]+)\/invocations$/.exec(request.url ?? "")?.[1];
    if (name === undefined || request.method !== "POST" || !refusesNow(name)) return false;
    request.resume();
    response.writeHead(503, {
      "content-type": "application/json",
      "content-length": refusal.length,
      "x-amzn-errortype": "ServiceUnavailable",
      "x-amzn-requestid": randomUUID(),
      "retry-after": "1",
    });
    response.end(refusal);
    return true;
  };
}

const refusal = Buffer.from('{"Message":"The service is unavailable. Try your call again."}');
