import type {
  ListTagsForResourceInput,
  ListTagsForResourceOutput,
  TagResourceInput,
  UntagResourceInput,
} from "@aws-sdk/client-sfn";
import { Fault } from "../../kit/fault.ts";
import { activityKind } from "./activity-handlers.ts";
import { invalidArn } from "./arns.ts";
import { machineKind } from "./machine-records.ts";
import type { Parsed } from "./parsed.ts";
import type { ServiceContext } from "./service-context.ts";

interface Tagged {
  tags: { [key: string]: string };
}

/** State machines and activities carry tags; versions and aliases do not. */
export function tagHandlers({ store: { resources } }: ServiceContext) {
  const placeOf = (arn: string): [kind: string, id: string] => {
    const [, , service, , , resource, name, qualifier] = arn.split(":");
    if (!arn.startsWith("arn:")) throw invalidArn(arn);
    const kind = resource === "activity" ? activityKind : machineKind;
    const isOurs = service === "states" && (resource === "activity" || resource === "stateMachine");
    if (!isOurs || name === undefined || qualifier !== undefined || resources.get(kind, name) === undefined) {
      throw new Fault("ResourceNotFound", `Resource not found: '${arn}'`, { members: { resourceName: arn } });
    }
    return [kind, name];
  };
  const change = (arn: string, edit: (tags: Tagged["tags"]) => void) => {
    const [kind, id] = placeOf(arn);
    resources.update<Tagged>(kind, id, (value) => {
      const tags = { ...value.tags };
      edit(tags);
      return { ...value, tags };
    });
  };
  return {
    async TagResource(input: Parsed<TagResourceInput>): Promise<object> {
      change(input.resourceArn, (tags) => {
        for (const { key = "", value = "" } of input.tags) tags[key] = value;
      });
      return {};
    },
    async UntagResource(input: Parsed<UntagResourceInput>): Promise<object> {
      change(input.resourceArn, (tags) => {
        for (const key of input.tagKeys) delete tags[key];
      });
      return {};
    },
    async ListTagsForResource(input: Parsed<ListTagsForResourceInput>): Promise<ListTagsForResourceOutput> {
      const [kind, id] = placeOf(input.resourceArn);
      const tags = resources.get<Tagged>(kind, id)?.value.tags ?? {};
      return { tags: Object.entries(tags).map(([key, value]) => ({ key, value })) };
    },
  };
}
