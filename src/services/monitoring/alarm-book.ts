import type { PutMetricAlarmInput } from "@aws-sdk/client-cloudwatch";
import type { Clock } from "../../ports/clock.ts";
import type { AlarmChange, AlarmState } from "../../ports/metrics.ts";
import type { Resources } from "../../ports/resources.ts";

/** An alarm as it is kept. */
export interface AlarmRecord {
  arn: string;
  /** As it was put, tags apart. */
  settings: PutMetricAlarmInput;
  state: AlarmState;
  reason: string;
  /** JSON text. */
  reasonData?: string;
  stateUpdatedMs: number;
  configuredMs: number;
}

export interface StateChange {
  state: AlarmState;
  reason: string;
  reasonData?: string;
}

export interface AlarmBook {
  get(name: string): AlarmRecord | undefined;
  all(): AlarmRecord[];
  put(alarm: AlarmRecord): void;
  delete(name: string): boolean;
  /** Changes the state; `undefined` when there is no such alarm or it was in that state already. */
  change(name: string, next: StateChange): { before: AlarmRecord; after: AlarmRecord } | undefined;
  onChange(listener: (change: AlarmChange) => void): () => void;
}

const kind = "monitoring:alarm";

export function alarmBook({ resources, clock }: { resources: Resources; clock: Clock }): AlarmBook {
  const listeners = new Set<(change: AlarmChange) => void>();
  const get = (name: string) => resources.get<AlarmRecord>(kind, name)?.value;
  return {
    get,
    all: () => resources.list<AlarmRecord>(kind).map(({ value }) => value),
    put: (alarm) => resources.put(kind, alarm.settings.AlarmName as string, alarm),
    delete: (name) => resources.delete(kind, name),
    change(name, { state, reason, reasonData }) {
      const before = get(name);
      if (before === undefined || before.state === state) return undefined;
      const after: AlarmRecord = { ...before, state, reason, reasonData, stateUpdatedMs: clock.now() };
      resources.put(kind, name, after);
      for (const listener of listeners) listener({ name, before: before.state, after: state });
      return { before, after };
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
