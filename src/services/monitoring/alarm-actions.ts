import { Fault } from "../../kit/fault.ts";
import type { Clock } from "../../ports/clock.ts";
import { deliveryQueue } from "../../ports/delivery-queue.ts";
import type { Events } from "../../ports/events.ts";
import type { Functions } from "../../ports/functions.ts";
import type { Operations } from "../../ports/operations.ts";
import type { Resources } from "../../ports/resources.ts";
import type { HistoryItem } from "./alarm-book.ts";
import { type AlarmTransition, eventDetail, functionEvent, topicMessage } from "./alarm-messages.ts";
import { actionKind } from "./alarm-settings.ts";

/** One thing to tell because of one transition; without a target it is the event that rules may follow. */
interface ActionJob {
  transition: AlarmTransition;
  targetArn?: string;
}

export interface AlarmActionsOptions {
  resources: Resources;
  clock: Clock;
  functions: Functions;
  operations: Operations;
  events: Events;
  report: (line: string, error?: unknown) => void;
  note: (item: Omit<HistoryItem, "atMs">) => void;
}

export interface AlarmActions {
  /** To be called inside the transaction that makes the transition. */
  tell(transition: AlarmTransition): void;
  close(): Promise<void>;
}

/** As CloudWatch, which says nothing about it: a few attempts within some minutes. */
const delaysSeconds = [1, 5, 30, 120];

export function alarmActions(options: AlarmActionsOptions): AlarmActions {
  const { clock, functions, operations, events, report, note } = options;
  const queue = deliveryQueue<ActionJob>({
    ...options,
    kind: "monitoring:action",
    async deliver({ transition, targetArn }, { id }) {
      if (targetArn === undefined) {
        const { arn, stateUpdatedMs } = transition.after;
        await events.announce({
          id: id.slice(-36),
          source: "aws.cloudwatch",
          detailType: "CloudWatch Alarm State Change",
          timeMs: stateUpdatedMs,
          resources: [arn],
          detail: eventDetail(transition),
        });
        return;
      }
      await act(targetArn, transition);
      noteAction({ transition, targetArn }, `Successfully executed action ${targetArn}`);
    },
    retryDelayMs(_job, attempt, error) {
      if (error instanceof Fault && !error.isRetryable) return undefined;
      const seconds = delaysSeconds[attempt - 1];
      return seconds === undefined ? undefined : seconds * 1000;
    },
    async giveUp(job, error) {
      const reason = error instanceof Error ? error.message : String(error);
      report(`alarm ${job.transition.after.arn} could not tell ${job.targetArn ?? "the event bus"}`, error);
      if (job.targetArn !== undefined)
        noteAction(job, `Failed to execute action ${job.targetArn}. Received error: "${reason}"`);
    },
    report: (error) => report("an action of an alarm failed unexpectedly and waits for the next start", error),
  });

  async function act(targetArn: string, transition: AlarmTransition): Promise<void> {
    if (actionKind(targetArn) === "lambda") {
      const payload = Buffer.from(JSON.stringify(functionEvent(transition)));
      await functions.invoke(targetArn, payload, { invocationType: "Event" });
      return;
    }
    const { subject, message } = topicMessage(transition);
    await operations.call("sns", "Publish", { TopicArn: targetArn, Subject: subject, Message: message });
  }

  function noteAction({ transition, targetArn = "" }: ActionJob, summary: string): void {
    const { settings, state } = transition.after;
    note({
      alarmName: settings.AlarmName as string,
      kind: "Action",
      summary,
      data: {
        version: "1.0",
        actionState: summary.startsWith("Failed") ? "Failed" : "Succeeded",
        stateUpdate: state,
        notificationResource: targetArn,
        publishedAt: clock.now(),
      },
    });
  }

  return {
    tell(transition) {
      const { settings, state } = transition.after;
      const { AlarmActions, OKActions, InsufficientDataActions } = settings;
      const byState = { ALARM: AlarmActions, OK: OKActions, INSUFFICIENT_DATA: InsufficientDataActions };
      const targets = settings.ActionsEnabled === false ? [] : (byState[state] ?? []);
      queue.add([{ transition }, ...targets.map((targetArn) => ({ transition, targetArn }))]);
    },
    close: queue.close,
  };
}
