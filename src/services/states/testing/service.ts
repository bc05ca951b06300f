import { Fault } from "../../../kit/fault.ts";
import type { Json } from "../../../kit/json.ts";
import type { ServiceEvent } from "../../../ports/events.ts";
import type { Functions } from "../../../ports/functions.ts";
import { memoryStore } from "../../../ports/memory-store.ts";
import type { Operations } from "../../../ports/operations.ts";
import type { Store } from "../../../ports/store.ts";
import { type TestClock, testClock } from "../../../ports/test-clock.ts";
import { type StatesServiceOptions, statesService } from "../states-service.ts";

const role = "arn:aws:iam::111111111111:role/sfn-role";
const invoke = "arn:aws:states:::lambda:invoke";

type TestFunction = (event: Json) => Json | Promise<Json>;
type TestOperation = (input: Record<string, unknown>) => Record<string, unknown>;

/** A service over a memory store and virtual time, for tests: functions and operations are given as JavaScript. */
export function setUpService(
  options: {
    functions?: Record<string, TestFunction>;
    operations?: Record<string, TestOperation>;
    store?: Store;
    clock?: TestClock;
  } & Partial<Pick<StatesServiceOptions, "onError">> = {},
) {
  const clock = options.clock ?? testClock();
  const store = options.store ?? memoryStore({ clock });
  const announced: ServiceEvent[] = [];
  const errors: unknown[] = [];
  const { service, engine } = statesService({
    store,
    clock,
    functions: functionsOf(options.functions ?? {}),
    operations: operationsOf(options.operations ?? {}),
    events: { announce: async (event) => void announced.push(event) },
    onError: options.onError ?? ((error) => errors.push(error)),
  });
  const context = {
    requestId: "request",
    region: "us-east-1",
    accountId: "111111111111",
    baseUrl: "http://127.0.0.1",
    signal: new AbortController().signal,
  };
  return {
    clock,
    store,
    announced,
    errors,
    engine,
    close: () => engine.close(),
    // biome-ignore lint/suspicious/noExplicitAny: answers are read member by member
    async call(operation: string, input: object): Promise<any> {
      const handler = service.handlers[operation];
      if (handler === undefined) throw new Error(`there is no ${operation}`);
      return handler(input, context);
    },
  };
}

function functionsOf(functions: Record<string, TestFunction>): Functions {
  return {
    async invoke(name, payload) {
      const simple = name.split(":")[6] ?? name;
      const body = functions[simple];
      if (body === undefined) {
        throw new Fault("ResourceNotFoundException", `Function not found: ${name}:$LATEST`, { status: 404 });
      }
      const answer = { executedVersion: "$LATEST", requestId: "request", logTail: "" };
      try {
        const output = await body(JSON.parse(Buffer.from(payload).toString()) as Json);
        return { ...answer, payload: Buffer.from(JSON.stringify(output)) };
      } catch (error) {
        if (error instanceof Fault) throw error;
        const { name: errorType, message: errorMessage } = error as Error;
        const failure = JSON.stringify({ errorType, errorMessage, trace: [] });
        return { ...answer, payload: Buffer.from(failure), functionError: "Unhandled" as const };
      }
    },
  };
}

function operationsOf(operations: Record<string, TestOperation>): Operations {
  return {
    has: (service, operation) => `${service}.${operation}` in operations,
    async call(service, operation, input) {
      const body = operations[`${service}.${operation}`] as TestOperation;
      return { output: body(input as Record<string, unknown>), requestId: "request" };
    },
  };
}

/** The same, with ways to make a machine of a definition and run it. */
export function setUpMachines(options: Parameters<typeof setUpService>[0] = {}) {
  const service = setUpService(options);
  const { call, clock } = service;
  let count = 0;
  const create = async (definition: object, type = "STANDARD"): Promise<string> => {
    const name = `m${++count}-${clock.uuid().slice(-6)}`;
    const input = { name, definition: JSON.stringify(definition), roleArn: role, type };
    return (await call("CreateStateMachine", input)).stateMachineArn;
  };
  const start = async (definition: object, input: object = {}): Promise<string> => {
    const stateMachineArn = await create(definition);
    return (await call("StartExecution", { stateMachineArn, input: JSON.stringify(input) })).executionArn;
  };
  const describe = (executionArn: string) => call("DescribeExecution", { executionArn });
  const run = async (definition: object, input: object = {}) => {
    const executionArn = await start(definition, input);
    const id = executionArn.split(":").slice(6).join(":");
    await clock.advanceUntil(() => service.store.executions.describe(id)?.status !== "RUNNING");
    return describe(executionArn);
  };
  return { ...service, create, start, run, describe };
}

/** Functions one after the other. */
export function chain(...names: string[]) {
  const states = names.map((name, index) => {
    const next = names[index + 1] === undefined ? { End: true } : { Next: names[index + 1] };
    const parameters = { FunctionName: name, "Payload.$": "$" };
    return [name, { Type: "Task", Resource: invoke, Parameters: parameters, ...next }];
  });
  return { StartAt: names[0], States: Object.fromEntries(states) };
}

/** One task. */
export function single(task: object) {
  return { StartAt: "Only", States: { Only: { Type: "Task", ...task, End: true } } };
}
