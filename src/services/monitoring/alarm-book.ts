import type { PutMetricAlarmInput } from "@aws-sdk/client-cloudwatch";
import type { Json } from "../../kit/json.ts";
import type { Clock } from "../../ports/clock.ts";
import type { AlarmChange, AlarmState } from "../../ports/metrics.ts";
import type { Resources } from "../../ports/resources.ts";
import type { AlarmTransition } from "./alarm-messages.ts";

/** An alarm as it is kept. */
export interface AlarmRecord {
  arn: string;
  /** As it was put, tags apart. */
  settings: PutMetricAlarmInput;
  tags?: Record<string, string>;
  state: AlarmState;
  reason: string;
  /** JSON text. */
  reasonData?: string;
  stateUpdatedMs: number;
  transitionedMs: number;
  configuredMs: number;
}

export interface StateChange {
  state: AlarmState;
  reason: string;
  reasonData?: string;
}

export type HistoryKind = "ConfigurationUpdate" | "StateUpdate" | "Action";

export interface HistoryItem {
  alarmName: string;
  atMs: number;
  kind: HistoryKind;
  summary: string;
  data: Json;
}

export interface AlarmBook {
  get(name: string): AlarmRecord | undefined;
  all(): AlarmRecord[];
  /** `updated`: what happened to its settings, if anything. */
  put(alarm: AlarmRecord, updated?: string): void;
  delete(name: string): boolean;
  /** Changes state and reason. A1: the change, its history and what has to be told because of it are durable together. */
  change(name: string, next: StateChange): void;
  onChange(listener: (change: AlarmChange) => void): () => void;
  note(item: Omit<HistoryItem, "atMs">): void;
  /** Newest first. */
  history(): HistoryItem[];
}

export interface AlarmBookOptions {
  resources: Resources;
  clock: Clock;
  /** Called inside the transaction that changes a state: writes down what has to be told. */
  onTransition: (transition: AlarmTransition) => void;
}

const kind = "monitoring:alarm";
const historyKind = "monitoring:alarm-history";
/** CloudWatch keeps 30 days; here as many items besides, which an alarm that flaps every minute makes in a week. */
const historyDays = 30;
const mostHistory = 10_000;

export function alarmBook({ resources, clock, onTransition }: AlarmBookOptions): AlarmBook {
  const listeners = new Set<(change: AlarmChange) => void>();
  const get = (name: string) => resources.get<AlarmRecord>(kind, name)?.value;
  let written = 0;

  function note(item: Omit<HistoryItem, "atMs">): void {
    const atMs = clock.now();
    const id = `${String(atMs).padStart(15, "0")}-${String(++written).padStart(9, "0")}-${clock.uuid()}`;
    resources.put<HistoryItem>(historyKind, id, { ...item, atMs });
    if (written % 100 === 1) forgetOldHistory(atMs);
  }

  function forgetOldHistory(nowMs: number): void {
    const items = resources.list<HistoryItem>(historyKind);
    const sinceMs = nowMs - historyDays * 86_400_000;
    const old = items.filter(({ value }, index) => value.atMs < sinceMs || index < items.length - mostHistory);
    for (const { id } of old) resources.delete(historyKind, id);
  }

  return {
    get,
    note,
    all: () => resources.list<AlarmRecord>(kind).map(({ value }) => value),
    put(alarm, updated) {
      const alarmName = alarm.settings.AlarmName as string;
      resources.transaction(() => {
        resources.put(kind, alarmName, alarm);
        if (updated === undefined) return;
        note({ alarmName, kind: "ConfigurationUpdate", summary: `Alarm "${alarmName}" ${updated}`, data: null });
      });
    },
    delete: (name) => resources.delete(kind, name),
    change(name, { state, reason, reasonData }) {
      const before = get(name);
      if (before === undefined) return;
      const nowMs = clock.now();
      const transitionedMs = before.state === state ? before.transitionedMs : nowMs;
      const after: AlarmRecord = { ...before, state, reason, reasonData, stateUpdatedMs: nowMs, transitionedMs };
      resources.transaction(() => {
        resources.put(kind, name, after);
        if (before.state === state) return;
        note({ alarmName: name, kind: "StateUpdate", ...stateUpdate(before, after) });
        onTransition({ before, after });
      });
      if (before.state === state) return;
      for (const listener of listeners) listener({ name, before: before.state, after: state });
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    history: () =>
      resources
        .list<HistoryItem>(historyKind)
        .map(({ value }) => value)
        .reverse(),
  };
}

function stateUpdate(before: AlarmRecord, after: AlarmRecord): { summary: string; data: Json } {
  const shown = ({ state, reason, reasonData }: AlarmRecord): Json => ({
    stateValue: state,
    stateReason: reason,
    ...(reasonData === undefined ? {} : { stateReasonData: JSON.parse(reasonData) as Json }),
  });
  return {
    summary: `Alarm updated from ${before.state} to ${after.state}`,
    data: { version: "1.0", oldState: shown(before), newState: shown(after) },
  };
}
