import type { TestContext } from "node:test";
import type { ServiceEvent } from "../../../ports/events.ts";
import { memoryMetricPoints } from "../../../ports/memory-metric-points.ts";
import { memoryResources } from "../../../ports/memory-resources.ts";
import { testClock } from "../../../ports/test-clock.ts";
import { testCall } from "../../../wire/testing/call.ts";
import { monitoringService } from "../monitoring-service.ts";

// biome-ignore lint/suspicious/noExplicitAny: answers are read member by member, as a client would
type Answer = any;

/** CloudWatch with nothing behind it but memory; what it tells others is written down. */
export function testMonitoring(context: TestContext, before?: { world: ReturnType<typeof world> }) {
  const shared = before?.world ?? world();
  const { clock } = shared;
  const told: { to: string; what: Answer }[] = [];
  const service = monitoringService({
    ...shared,
    functions: {
      async invoke(to, payload) {
        told.push({ to, what: JSON.parse(Buffer.from(payload).toString()) });
        return { payload: Buffer.from(""), executedVersion: "$LATEST", requestId: "r", logTail: "" };
      },
    },
    operations: {
      has: () => true,
      async call(name, operation, input) {
        told.push({ to: `${name} ${operation}`, what: input });
        return { output: {}, requestId: "r" };
      },
    },
    events: { announce: async (event: ServiceEvent) => void told.push({ to: "events", what: event }) },
    report: () => {},
    mostMetrics: 50,
    mostAlarms: 5,
  });
  context.after(() => service.close());
  const about = testCall();
  const call = async (operation: string, input: object): Promise<Answer> =>
    service.service.handlers[operation]?.(input, about);
  const put = (data: object[], Namespace = "Shop") => call("PutMetricData", { Namespace, MetricData: data });
  const alarm = async (AlarmName: string) =>
    (await call("DescribeAlarms", { AlarmNames: [AlarmName] })).MetricAlarms[0];
  return { call, put, alarm, clock, told, metrics: service.metrics, close: service.close, world: shared };
}

function world() {
  const clock = testClock();
  return { clock, resources: memoryResources(clock), points: memoryMetricPoints() };
}
