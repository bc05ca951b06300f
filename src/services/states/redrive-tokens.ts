import type { Resources } from "../../ports/resources.ts";

// The last client token of each redriven execution, so that a client that repeats a call whose answer was lost is told of the
// redrive that it began, and begins no other.

interface RedriveToken {
  token: string;
  /** How often the execution has been redriven once this call has done its work. */
  redriveCount: number;
  atMs: number;
}

const kind = "states/redrive-token";
/** Clients repeat a call within minutes. */
const keptForMs = 86_400_000;

/** Call before the redrive: one that then does not happen leaves a token that belongs to no count. */
export function keepRedriveToken(resources: Resources, executionId: string, given: RedriveToken): void {
  resources.put<RedriveToken>(kind, executionId, given);
}

/** Whether the last redrive of the execution was begun by a call with this token. */
export function isRepeatedRedrive(
  resources: Resources,
  { id, redriveCount }: { id: string; redriveCount: number },
  token: string,
): boolean {
  const kept = resources.get<RedriveToken>(kind, id)?.value;
  return kept?.token === token && kept.redriveCount === redriveCount;
}

export function pruneRedriveTokens(resources: Resources, nowMs: number): void {
  for (const { id, value } of resources.list<RedriveToken>(kind)) {
    if (value.atMs < nowMs - keptForMs) resources.delete(kind, id);
  }
}
