import type { Tag } from "@aws-sdk/client-eventbridge";
import { Fault } from "../../kit/fault.ts";
import type { Resources } from "../../ports/resources.ts";
import type { Handler } from "../../wire/service.ts";

export interface TagStore {
  handlers: Record<string, Handler>;
  add(arn: string, tags: readonly Tag[]): void;
  forget(arn: string): void;
}

const kind = "events:tags";
/** As EventBridge. */
const mostTags = 50;

/** Tags of rules and buses, by ARN. `exists`: whether there is something of that ARN. */
export function tagStore(resources: Resources, exists: (arn: string) => boolean): TagStore {
  const tagsOf = (arn: string) => resources.get<Record<string, string>>(kind, arn)?.value ?? {};
  const needed = (arn: string): string => {
    if (exists(arn)) return arn;
    throw new Fault("ResourceNotFoundException", `Resource ${arn} does not exist.`);
  };
  const add = (arn: string, tags: readonly Tag[]): void => {
    if (tags.length === 0) return;
    const all = { ...tagsOf(arn), ...Object.fromEntries(tags.map(({ Key = "", Value = "" }) => [Key, Value])) };
    if (Object.keys(all).length > mostTags) {
      throw new Fault("ValidationException", `A resource has at most ${mostTags} tags.`);
    }
    resources.put(kind, arn, all);
  };
  return {
    add,
    forget: (arn) => void resources.delete(kind, arn),
    handlers: {
      ListTagsForResource({ ResourceARN }: { ResourceARN: string }) {
        return { Tags: Object.entries(tagsOf(needed(ResourceARN))).map(([Key, Value]) => ({ Key, Value })) };
      },
      TagResource({ ResourceARN, Tags }: { ResourceARN: string; Tags: Tag[] }) {
        add(needed(ResourceARN), Tags);
        return {};
      },
      UntagResource({ ResourceARN, TagKeys }: { ResourceARN: string; TagKeys: string[] }) {
        const left = Object.entries(tagsOf(needed(ResourceARN))).filter(([key]) => !TagKeys.includes(key));
        resources.put(kind, ResourceARN, Object.fromEntries(left));
        return {};
      },
    },
  };
}
