import type {
  CreateActivityInput,
  CreateActivityOutput,
  DeleteActivityInput,
  DescribeActivityInput,
  DescribeActivityOutput,
  GetActivityTaskInput,
  GetActivityTaskOutput,
  ListActivitiesInput,
  ListActivitiesOutput,
  SendTaskFailureInput,
  SendTaskHeartbeatInput,
  SendTaskSuccessInput,
} from "@aws-sdk/client-sfn";
import { Fault } from "../../kit/fault.ts";
import type { Json } from "../../kit/json.ts";
import type { Call } from "../../wire/service.ts";
import type { ActivityQueues } from "./activities.ts";
import { checkName, parseActivityArn } from "./arns.ts";
import { checkDataSize, isTooDeep, tooDeepText } from "./json-text.ts";
import type { EngineInput } from "./kernel.ts";
import { page } from "./paging.ts";
import type { Parsed } from "./parsed.ts";
import type { ServiceContext } from "./service-context.ts";

export const activityKind = "states.activity";

interface ActivityRecord {
  arn: string;
  name: string;
  createdMs: number;
  encryptionConfiguration: Json;
  tags: { [key: string]: string };
}

export function activityHandlers(context: ServiceContext, queues: ActivityQueues) {
  const { store, clock, engine } = context;
  const { resources, executions } = store;
  const find = (arn: string): ActivityRecord => {
    const activity = resources.get<ActivityRecord>(activityKind, parseActivityArn(arn))?.value;
    if (activity === undefined) throw new Fault("ActivityDoesNotExist", `Activity Does Not Exist: '${arn}'`);
    return activity;
  };
  const finish = async (token: string, inputOf: (effectId: string) => EngineInput): Promise<object> => {
    const known = executions.token(token);
    if (known === undefined) throw new Fault("InvalidToken", "Invalid Token: 'Invalid token'");
    const { id, effectId, isClosed } = known;
    // The message with the token may be answered before our own call that sent it has come back.
    if (!isClosed) await engine.whenSubmitted(id, effectId);
    const isTaken = !executions.token(token)?.isClosed && (await engine.deliver(id, inputOf(effectId)));
    if (!isTaken) throw new Fault("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'");
    return {};
  };

  return {
    async CreateActivity(input: Parsed<CreateActivityInput>, call: Call): Promise<CreateActivityOutput> {
      const { name, tags = [] } = input;
      checkName(name);
      const activity: ActivityRecord = {
        arn: `arn:aws:states:${call.region}:${call.accountId}:activity:${name}`,
        name,
        createdMs: clock.now(),
        encryptionConfiguration: (input.encryptionConfiguration ?? { type: "AWS_OWNED_KEY" }) as unknown as Json,
        tags: Object.fromEntries(tags.map(({ key = "", value = "" }) => [key, value])),
      };
      resources.create(activityKind, name, activity);
      const { arn, createdMs } = find(activity.arn); // Perhaps the one that was there.
      return { activityArn: arn, creationDate: new Date(createdMs) };
    },

    async DescribeActivity(input: Parsed<DescribeActivityInput>): Promise<DescribeActivityOutput> {
      const { arn, name, createdMs, encryptionConfiguration } = find(input.activityArn);
      return {
        activityArn: arn,
        name,
        creationDate: new Date(createdMs),
        encryptionConfiguration:
          encryptionConfiguration as unknown as DescribeActivityOutput["encryptionConfiguration"],
      };
    },

    async DeleteActivity(input: Parsed<DeleteActivityInput>): Promise<object> {
      resources.delete(activityKind, parseActivityArn(input.activityArn));
      return {};
    },

    async ListActivities(input: Parsed<ListActivitiesInput>): Promise<ListActivitiesOutput> {
      const all = resources.list<ActivityRecord>(activityKind).map(({ value }) => value);
      const { items, nextToken } = page(all, input, { list: "activities", idOf: ({ name }) => name });
      return {
        activities: items.map(({ arn, name, createdMs }) => ({
          activityArn: arn,
          name,
          creationDate: new Date(createdMs),
        })),
        nextToken,
      };
    },

    async GetActivityTask(input: Parsed<GetActivityTaskInput>, call: Call): Promise<GetActivityTaskOutput> {
      const { name } = find(input.activityArn);
      const { workerName } = input;
      for (;;) {
        const task = await queues.take(name, call.patience ?? call.signal);
        if (task === undefined) return {};
        const { executionId: id, effectId, taskToken, input: taskInput } = task;
        // It may have timed out, or ended with its execution, while it waited for a worker.
        if (executions.token(taskToken)?.isClosed !== false) continue;
        if (await engine.deliver(id, { type: "taskStarted", effectId, workerName })) {
          return { taskToken, input: taskInput };
        }
      }
    },

    async SendTaskSuccess(input: Parsed<SendTaskSuccessInput>): Promise<object> {
      const output = parseOutput(input.output);
      return finish(input.taskToken, (effectId) => ({ type: "taskSucceeded", effectId, output }));
    },

    async SendTaskFailure(input: Parsed<SendTaskFailureInput>): Promise<object> {
      const { taskToken, error, cause } = input;
      return finish(taskToken, (effectId) => ({ type: "taskFailed", effectId, error, cause }));
    },

    async SendTaskHeartbeat(input: Parsed<SendTaskHeartbeatInput>): Promise<object> {
      return finish(input.taskToken, (effectId) => ({ type: "heartbeat", effectId }));
    },
  };
}

function parseOutput(text: string): Json {
  checkDataSize(text, "output");
  if (isTooDeep(text)) throw new Fault("InvalidOutput", `Invalid Output: '${tooDeepText}'`);
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new Fault("InvalidOutput", `Invalid Output: '${text.slice(0, 200)}' is not JSON`);
  }
}
