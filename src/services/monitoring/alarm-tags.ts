import type { Tag } from "@aws-sdk/client-cloudwatch";
import { Fault } from "../../kit/fault.ts";
import type { Handler } from "../../wire/service.ts";
import type { AlarmBook, AlarmRecord } from "./alarm-book.ts";
import { invalidRequest } from "./faults.ts";

/** As CloudWatch. */
const mostTags = 50;

/** Tags are part of their alarm: they go with it, and an alarm that is put again keeps its own. */
export function alarmTagHandlers(alarms: AlarmBook): Record<string, Handler> {
  const find = (arn: string): AlarmRecord => {
    const name = /^arn:[^:]+:cloudwatch:[^:]*:[^:]*:alarm:(.+)$/.exec(arn)?.[1];
    const alarm = name === undefined ? undefined : alarms.get(name);
    if (alarm?.arn === arn) return alarm;
    throw new Fault("ResourceNotFoundException", `There is no alarm with the ARN ${arn}`, {
      status: 404,
      members: { ResourceType: "alarm", ResourceId: arn },
    });
  };
  return {
    ListTagsForResource: ({ ResourceARN }: { ResourceARN: string }) => ({
      Tags: Object.entries(find(ResourceARN).tags ?? {}).map(([Key, Value]) => ({ Key, Value })),
    }),
    TagResource({ ResourceARN, Tags }: { ResourceARN: string; Tags: Tag[] }) {
      const alarm = find(ResourceARN);
      alarms.put({ ...alarm, tags: checkedTags([...pairsOf(alarm.tags), ...Tags]) });
      return {};
    },
    UntagResource({ ResourceARN, TagKeys }: { ResourceARN: string; TagKeys: string[] }) {
      const alarm = find(ResourceARN);
      alarms.put({ ...alarm, tags: checkedTags(pairsOf(alarm.tags).filter(({ Key }) => !TagKeys.includes(Key))) });
      return {};
    },
  };
}

function pairsOf(tags: Readonly<Record<string, string>> = {}): { Key: string; Value: string }[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}

/** The last of a key holds. */
export function checkedTags(tags: readonly Tag[] = []): Record<string, string> {
  const all = Object.fromEntries(tags.map(({ Key = "", Value = "" }) => [Key, Value]));
  if (Object.keys(all).length > mostTags) throw invalidRequest(`An alarm has at most ${mostTags} tags.`);
  for (const [key, value] of Object.entries(all)) {
    if (key === "" || key.length > 128 || value.length > 256 || key.startsWith("aws:")) {
      throw invalidRequest(
        `The tag "${key}" is not valid: a key has 1 to 128 characters and no aws: before it, a value up to 256.`,
      );
    }
  }
  return all;
}
