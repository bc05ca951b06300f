import { GetExecutionHistoryCommand } from "@aws-sdk/client-sfn";
import type { Clients } from "../clients.ts";
import { classificationOf } from "./classify.ts";
import type { ExecutionResult } from "./executions.ts";

/** What an execution of the chain said of its image, also when it failed after the model had answered. */
export interface Outcome {
  executionArn: string;
  status: string;
  prediction: string | undefined;
  confidence: number | undefined;
  error: string | undefined;
  cause: string | undefined;
  milliseconds: number;
}

export async function outcomeOf(clients: Clients, result: ExecutionResult, labels: string[]): Promise<Outcome> {
  const probabilities = await probabilitiesOf(clients, result.executionArn);
  const classification = probabilities && classificationOf(probabilities);
  return {
    executionArn: result.executionArn,
    status: result.status,
    prediction: classification && (labels[classification.label] ?? `class-${classification.label}`),
    confidence: classification?.confidence,
    error: result.error,
    cause: messageOf(result.cause),
    milliseconds: result.milliseconds,
  };
}

/** The newest state output that carries inferences: a list, or the text of one, as functions in the wild return both. */
async function probabilitiesOf(clients: Clients, executionArn: string): Promise<number[] | undefined> {
  const history = await clients.sfn.send(
    new GetExecutionHistoryCommand({ executionArn, reverseOrder: true, maxResults: 100 }),
  );
  for (const event of history.events ?? []) {
    const text = event.stateExitedEventDetails?.output;
    if (text === undefined) continue;
    const output = JSON.parse(text) as { inferences?: number[] | string } | null;
    const inferences =
      typeof output?.inferences === "string" ? (JSON.parse(output.inferences) as number[]) : output?.inferences;
    if (Array.isArray(inferences) && inferences.length > 0) return inferences;
  }
  return undefined;
}

/** The sentence inside a function's error object; any other cause as it is. */
export function messageOf(cause: string | undefined): string | undefined {
  if (!cause?.startsWith("{")) return cause;
  const parsed = JSON.parse(cause) as { errorMessage?: string };
  return parsed.errorMessage ?? cause;
}
