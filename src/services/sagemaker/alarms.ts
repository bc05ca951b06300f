import type { MetricAlarm } from "@aws-sdk/client-cloudwatch";
import type { Operations } from "../../ports/operations.ts";

/** The alarms of CloudWatch that a deployment is watched with. */
export interface Alarms {
  /** The state of each named alarm that there is. */
  states(names: readonly string[]): Promise<Map<string, string>>;
}

export function alarmsOf(operations: Operations): Alarms {
  return {
    states: async (names) => {
      const { output } = await operations.call("monitoring", "DescribeAlarms", { AlarmNames: names });
      const alarms = (output["MetricAlarms"] ?? []) as MetricAlarm[];
      return new Map(alarms.map(({ AlarmName, StateValue }) => [AlarmName as string, StateValue as string]));
    },
  };
}
