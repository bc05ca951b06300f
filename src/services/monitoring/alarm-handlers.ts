import type {
  DescribeAlarmHistoryInput,
  DescribeAlarmsForMetricInput,
  DescribeAlarmsInput,
  MetricAlarm,
  PutMetricAlarmInput,
  SetAlarmStateInput,
} from "@aws-sdk/client-cloudwatch";
import { Fault } from "../../kit/fault.ts";
import { isJson } from "../../kit/json.ts";
import type { Clock } from "../../ports/clock.ts";
import type { MetricPoints } from "../../ports/metric-points.ts";
import { dimensionsText } from "../../ports/metric-points.ts";
import type { Call, Handler } from "../../wire/service.ts";
import type { AlarmBook, AlarmRecord } from "./alarm-book.ts";
import { checkAlarm } from "./alarm-settings.ts";
import { checkedTags } from "./alarm-tags.ts";
import { alarmNotFound, invalidRequest, pageStart, pageToken } from "./faults.ts";
import { dimensionsFrom } from "./metric-input.ts";

export interface AlarmHandlersOptions {
  alarms: AlarmBook;
  points: MetricPoints;
  clock: Clock;
  mostAlarms: number;
  /** Alarms were added or changed. */
  onPut: () => void;
}

/** As CloudWatch. */
const largestPage = 100;
const defaultPage = 50;

export function alarmHandlers({
  alarms,
  points,
  clock,
  mostAlarms,
  onPut,
}: AlarmHandlersOptions): Record<string, Handler> {
  const enable = (names: readonly string[], isEnabled: boolean): object => {
    for (const name of names) {
      const alarm = alarms.get(name);
      if (alarm === undefined) continue;
      alarms.put({ ...alarm, settings: { ...alarm.settings, ActionsEnabled: isEnabled } }, "actions updated");
    }
    return {};
  };

  return {
    PutMetricAlarm(input: PutMetricAlarmInput, call: Call) {
      checkAlarm(input, points);
      const { Tags, ...settings } = input;
      // As CloudWatch: of an alarm that is there already they are left alone.
      const tags = checkedTags(Tags);
      const name = input.AlarmName as string;
      const before = alarms.get(name);
      if (before === undefined && alarms.all().length >= mostAlarms) {
        throw new Fault("LimitExceeded", `The maximum limit of ${mostAlarms} alarms has been reached.`);
      }
      const nowMs = clock.now();
      const fresh: Pick<AlarmRecord, "arn" | "tags" | "state" | "reason" | "stateUpdatedMs" | "transitionedMs"> = {
        tags,
        arn: `arn:aws:cloudwatch:${call.region}:${call.accountId}:alarm:${name}`,
        state: "INSUFFICIENT_DATA",
        reason: "Unchecked: Initial alarm creation",
        stateUpdatedMs: nowMs,
        transitionedMs: nowMs,
      };
      alarms.put({ ...fresh, ...before, settings, configuredMs: nowMs }, before === undefined ? "created" : "updated");
      onPut();
      return {};
    },

    DescribeAlarms(input: DescribeAlarmsInput) {
      const { AlarmNames, AlarmNamePrefix, AlarmTypes, StateValue, ActionPrefix } = input;
      if (AlarmNames !== undefined && AlarmNames.length > 0 && AlarmNamePrefix !== undefined) {
        throw invalidRequest("AlarmNames and AlarmNamePrefix must not be used together.");
      }
      // Composite alarms cannot be made here, so an alarm has neither parents nor children.
      const isComposite = AlarmTypes !== undefined && AlarmTypes.length > 0 && !AlarmTypes.includes("MetricAlarm");
      if (isComposite || input.ChildrenOfAlarmName !== undefined || input.ParentsOfAlarmName !== undefined) {
        return { MetricAlarms: [], CompositeAlarms: [] };
      }
      const wanted = alarms.all().filter(({ settings, state }) => {
        const { AlarmName = "", AlarmActions = [], OKActions = [], InsufficientDataActions = [] } = settings;
        const actions = [...AlarmActions, ...OKActions, ...InsufficientDataActions];
        return (
          (AlarmNames === undefined || AlarmNames.length === 0 || AlarmNames.includes(AlarmName)) &&
          AlarmName.startsWith(AlarmNamePrefix ?? "") &&
          (StateValue === undefined || state === StateValue) &&
          (ActionPrefix === undefined || actions.some((action) => action.startsWith(ActionPrefix)))
        );
      });
      const after = pageStart(input.NextToken);
      const rest = after === undefined ? wanted : wanted.slice(wanted.findIndex(isNamed(after)) + 1);
      const page = rest.slice(0, input.MaxRecords ?? (AlarmNames === undefined ? defaultPage : largestPage));
      const last = page.length < rest.length ? page.at(-1)?.settings.AlarmName : undefined;
      return { MetricAlarms: page.map(shown), CompositeAlarms: [], NextToken: pageToken(last) };
    },

    DescribeAlarmsForMetric(input: DescribeAlarmsForMetricInput) {
      const dimensions = dimensionsText(dimensionsFrom(input.Dimensions, "Dimensions"));
      const wanted = alarms
        .all()
        .filter(
          ({ settings }) =>
            settings.Namespace === input.Namespace &&
            settings.MetricName === input.MetricName &&
            dimensionsText(dimensionsFrom(settings.Dimensions, "Dimensions")) === dimensions &&
            (["Statistic", "ExtendedStatistic", "Period", "Unit"] as const).every(
              (name) => input[name] === undefined || input[name] === settings[name],
            ),
        );
      return { MetricAlarms: wanted.map(shown) };
    },

    DescribeAlarmHistory(input: DescribeAlarmHistoryInput) {
      const fromMs = input.StartDate?.getTime() ?? 0;
      const toMs = input.EndDate?.getTime() ?? Number.POSITIVE_INFINITY;
      const wanted = alarms
        .history()
        .filter(
          ({ alarmName, kind, atMs }) =>
            (input.AlarmName === undefined || alarmName === input.AlarmName) &&
            (input.HistoryItemType === undefined || kind === input.HistoryItemType) &&
            atMs >= fromMs &&
            atMs <= toMs,
        );
      if (input.ScanBy === "TimestampAscending") wanted.reverse();
      const skipped = Number(pageStart(input.NextToken) ?? 0);
      const page = wanted.slice(skipped, skipped + (input.MaxRecords ?? largestPage));
      const next = skipped + page.length < wanted.length ? String(skipped + page.length) : undefined;
      return {
        AlarmHistoryItems: page.map(({ alarmName, kind, atMs, summary, data }) => ({
          AlarmName: alarmName,
          AlarmType: "MetricAlarm",
          Timestamp: new Date(atMs),
          HistoryItemType: kind,
          HistorySummary: summary,
          HistoryData: data === null ? undefined : JSON.stringify(data),
        })),
        NextToken: pageToken(next),
      };
    },

    SetAlarmState(input: SetAlarmStateInput) {
      const name = input.AlarmName as string;
      if (alarms.get(name) === undefined) throw alarmNotFound();
      const { StateValue: state, StateReason: reason, StateReasonData: reasonData } = input;
      if (reasonData !== undefined && !isJson(reasonData)) {
        throw new Fault("InvalidFormat", "StateReasonData is not valid JSON.");
      }
      alarms.change(name, { state: state as AlarmRecord["state"], reason: reason as string, reasonData });
      return {};
    },

    EnableAlarmActions: ({ AlarmNames = [] }: { AlarmNames?: string[] }) => enable(AlarmNames, true),
    DisableAlarmActions: ({ AlarmNames = [] }: { AlarmNames?: string[] }) => enable(AlarmNames, false),

    /** All of them or, when one is missing, none: as CloudWatch answers for a name that is not there. */
    DeleteAlarms({ AlarmNames = [] }: { AlarmNames?: string[] }) {
      const missing = AlarmNames.filter((name) => alarms.get(name) === undefined);
      if (missing.length > 0) {
        throw new Fault("ResourceNotFound", `The following alarms could not be deleted: ${missing.join(", ")}`, {
          status: 404,
        });
      }
      for (const name of AlarmNames) alarms.delete(name);
      return {};
    },
  };
}

function isNamed(name: string): (alarm: AlarmRecord) => boolean {
  return ({ settings }) => settings.AlarmName === name;
}

function shown(alarm: AlarmRecord): MetricAlarm {
  const { settings } = alarm;
  return {
    ...settings,
    ActionsEnabled: settings.ActionsEnabled ?? true,
    OKActions: settings.OKActions ?? [],
    AlarmActions: settings.AlarmActions ?? [],
    InsufficientDataActions: settings.InsufficientDataActions ?? [],
    Dimensions: settings.Dimensions ?? [],
    TreatMissingData: settings.TreatMissingData ?? "missing",
    AlarmArn: alarm.arn,
    AlarmConfigurationUpdatedTimestamp: new Date(alarm.configuredMs),
    StateValue: alarm.state,
    StateReason: alarm.reason,
    StateReasonData: alarm.reasonData,
    StateUpdatedTimestamp: new Date(alarm.stateUpdatedMs),
    StateTransitionedTimestamp: new Date(alarm.transitionedMs),
  };
}
