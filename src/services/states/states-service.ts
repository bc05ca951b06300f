import type { Json } from "../../kit/json.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Events } from "../../ports/events.ts";
import type { Functions } from "../../ports/functions.ts";
import { memoryExecutions } from "../../ports/memory-executions.ts";
import type { Metrics } from "../../ports/metrics.ts";
import type { Operations } from "../../ports/operations.ts";
import type { Store } from "../../ports/store.ts";
import type { Service } from "../../wire/service.ts";
import { activityQueues } from "./activities.ts";
import { activityHandlers, activityKind } from "./activity-handlers.ts";
import { aliasHandlers } from "./alias-handlers.ts";
import { engine } from "./engine.ts";
import type { Logged } from "./engine-contract.ts";
import { executionHandlers } from "./execution-handlers.ts";
import { executionLog, type LogMessage, logMessages } from "./execution-log.ts";
import { recordStatus } from "./execution-metrics.ts";
import { expressStarts } from "./express-starts.ts";
import { historyHandlers } from "./history-handler.ts";
import { refusalOf, taskRunner } from "./integrations/run-task.ts";
import { statesLanguage } from "./language.ts";
import { machineDeletion } from "./machine-deletion.ts";
import { machineHandlers } from "./machine-handlers.ts";
import { mapRuns } from "./map-run/map-runs.ts";
import { mapRunHandlers } from "./map-run-handlers.ts";
import { outbox } from "./outbox.ts";
import { retention } from "./retention.ts";
import type { ServiceContext } from "./service-context.ts";
import { type StatusMessage, statusEvent } from "./status-events.ts";
import { tagHandlers } from "./tag-handlers.ts";
import { testStateHandlers } from "./test-state/test-state-handler.ts";
import { versionHandlers } from "./version-handlers.ts";

export interface StatesServiceOptions {
  store: Store;
  functions: Functions;
  operations: Operations;
  events: Events;
  /** Told how executions do. */
  metrics?: Metrics;
  clock: Clock;
  maxConcurrentTasks?: number;
  maxCachedExecutions?: number;
  /** How long executions that have ended are kept; as long as AWS keeps them unless told otherwise. */
  keptDays?: number;
  onError?: (error: unknown) => void;
}

export interface StatesService {
  service: Service;
  engine: {
    /** Takes up what was running when the process ended; to be called once functions and operations can be. */
    recover(): Promise<number>;
    close(): Promise<void>;
  };
}

/** AWS Step Functions: the API, and the engine behind it. */
export function statesService(options: StatesServiceOptions): StatesService {
  const { store, functions, operations, events, metrics, clock } = options;
  const language = statesLanguage;
  const { maxConcurrentTasks, maxCachedExecutions, onError = () => {} } = options;
  const { executions } = store;
  const queues = activityQueues(clock);
  const runTask = taskRunner({ functions, operations, clock, queues, context: () => context });
  const expressExecutions = memoryExecutions();
  const log = executionLog({ logs: store.logs, clock });
  const told = outbox<StatusMessage | LogMessage>({
    executions,
    clock,
    async tell(message) {
      if (message.kind === "log") return log.write(message);
      const event = statusEvent(executions, message);
      if (event === undefined) return;
      await events.announce(event);
      if (metrics !== undefined) recordStatus({ metrics, executions }, message);
    },
    onError,
  });
  const expressTold = outbox<LogMessage>({ executions: expressExecutions, clock, tell: log.write, onError });
  const logMessagesOf = (logged: Logged): Json[] => logMessages(logged) as unknown as Json[];
  const shared = { clock, kernel: language, runTask, maxConcurrentTasks, maxCachedExecutions, onError, logMessagesOf };
  const runs = mapRuns({
    store,
    clock,
    language,
    operations,
    engines: () => ({ standard: context.engine, express: context.expressEngine }),
    onError,
  });
  const kept = retention({ store, clock, days: options.keptDays ?? 90, onError });
  const deletion = machineDeletion({ store, engine: () => context.engine, onError });
  const context: ServiceContext = {
    store,
    clock,
    language,
    engine: engine({
      ...shared,
      executions,
      mapRuns: runs,
      messagesOf: (change): Json[] => {
        const message: StatusMessage = { kind: "status", eventId: clock.uuid(), ...change };
        return [message as unknown as Json];
      },
      onMessages: told.wake,
    }),
    expressEngine: engine({
      ...shared,
      executions: expressExecutions,
      isForgetful: true,
      onMessages: expressTold.wake,
    }),
    expressStarts: expressStarts({ executions, engine: () => context.expressEngine, onError }),
    mapRuns: runs,
    machineDeletion: deletion,
    refusalOf: (resource) => refusalOf(operations, resource),
    hasActivity: (name) => store.resources.get(activityKind, name) !== undefined,
  };
  return {
    service: {
      name: "states",
      handlers: {
        ...machineHandlers(context),
        ...versionHandlers(context),
        ...aliasHandlers(context),
        ...tagHandlers(context),
        ...executionHandlers(context),
        ...historyHandlers(context),
        ...mapRunHandlers(context),
        ...activityHandlers(context, queues),
        ...testStateHandlers(context, runTask),
      },
    },
    engine: {
      async recover() {
        told.wake(); // What was not told before the process ended.
        const count = await context.engine.recover();
        await runs.recover();
        deletion.recover();
        context.expressStarts.recover().catch(onError);
        kept.begin();
        return count;
      },
      async close() {
        kept.close();
        runs.close();
        await deletion.close();
        await Promise.all([context.engine.close(), context.expressEngine.close()]);
        await Promise.all([told.close(), expressTold.close()]);
      },
    },
  };
}
