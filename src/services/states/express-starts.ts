import type { Json } from "../../kit/json.ts";
import type { Executions } from "../../ports/store.ts";
import type { Engine, StartRequest } from "./engine-contract.ts";

/*
 * EXPRESS executions that nobody waits for run in memory, but their start is durable: one that was accepted and whose server
 * ended before it did is run again from its beginning. At least once, as on AWS.
 */

/** No state machine can have this name, so that no list shows them. */
const machine = "!express";
/** Taken up at once after a restart, so that memory holds only so many. */
const atOnce = 500;

export interface ExpressStarts {
  /** Resolves once the start is durable. */
  start(request: StartRequest): Promise<void>;
  /** Runs again what had been accepted and not ended. */
  recover(): Promise<void>;
}

export function expressStarts(options: {
  executions: Executions;
  engine: () => Engine;
  onError: (error: unknown) => void;
}): ExpressStarts {
  const { executions, engine, onError } = options;

  /** Never rejects: a server that closes leaves it for the next one. */
  async function carryOut(request: StartRequest): Promise<void> {
    try {
      await engine().startAndWait(request);
      const sequence = executions.describe(request.id)?.sequence ?? 0;
      await executions.append({ id: request.id, sequence, status: "SUCCEEDED", body: undefined, events: [] });
      await executions.forget(request.id);
    } catch (error) {
      onError(error);
    }
  }

  return {
    async start(request) {
      const { id, definition, inputText: input, startedMs, context } = request;
      const { outcome } = await executions.start({
        id,
        machine,
        definition,
        input,
        startedMs,
        details: { name: request.machine, context: context as unknown as Json, details: request.details },
        status: "RUNNING",
        body: null,
        events: [],
      });
      if (outcome === "created") carryOut(request).catch(onError);
    },
    async recover() {
      let after: string | undefined;
      do {
        const page = executions.list({ machine, status: "RUNNING", limit: atOnce, after });
        await Promise.all(
          page.executions.flatMap(({ id }) => {
            const request = requestOf(executions, id);
            return request === undefined ? [] : [carryOut(request)];
          }),
        );
        after = page.next;
      } while (after !== undefined);
    },
  };
}

function requestOf(executions: Executions, id: string): StartRequest | undefined {
  const record = executions.describe(id);
  const text = record && executions.definition(record.definitionHash);
  if (record === undefined || text === undefined) return undefined;
  const { name, context, details } = record.details as {
    name: string;
    context: Json;
    details: Json;
  };
  return {
    id,
    machine: name,
    type: "EXPRESS",
    definition: { hash: record.definitionHash, text },
    inputText: record.input,
    input: JSON.parse(record.input) as Json,
    context: context as unknown as StartRequest["context"],
    startedMs: record.startedMs,
    details,
  };
}
