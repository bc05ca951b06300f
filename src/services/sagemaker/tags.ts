import type {
  AddTagsInput,
  AddTagsOutput,
  DeleteTagsInput,
  DeleteTagsOutput,
  ListTagsInput,
  ListTagsOutput,
  Tag,
} from "@aws-sdk/client-sagemaker";
import type { Resources } from "../../ports/resources.ts";
import type { Handler } from "../../wire/service.ts";
import { invalid } from "./resource-names.ts";

/** Tags by ARN, in the order in which they were first given. */
const kind = "sagemaker/tags";
/** As AWS bounds them. */
const maxTags = 50;

export function tagHandlers(resources: Resources): Record<string, Handler> {
  return {
    AddTags: ({ ResourceArn, Tags }: AddTagsInput): AddTagsOutput => ({
      Tags: addTags(resources, ResourceArn as string, Tags ?? []),
    }),
    ListTags: ({ ResourceArn }: ListTagsInput): ListTagsOutput => ({ Tags: tagsOf(resources, ResourceArn as string) }),
    DeleteTags: ({ ResourceArn, TagKeys }: DeleteTagsInput): DeleteTagsOutput => {
      const left = tagsOf(resources, ResourceArn as string).filter(({ Key }) => !TagKeys?.includes(Key as string));
      resources.put(kind, ResourceArn as string, left);
      return {};
    },
  };
}

export function addTags(resources: Resources, arn: string, added: readonly Tag[]): Tag[] {
  return resources.transaction(() => {
    const tags = new Map(tagsOf(resources, arn).map(({ Key, Value }) => [Key, Value]));
    for (const { Key, Value } of added) tags.set(Key, Value);
    if (tags.size > maxTags) throw invalid(`A resource can have at most ${maxTags} tags.`);
    const all = [...tags].map(([Key, Value]) => ({ Key, Value }));
    if (added.length > 0) resources.put(kind, arn, all);
    return all;
  });
}

export function forgetTags(resources: Resources, arn: string): void {
  resources.delete(kind, arn);
}

function tagsOf(resources: Resources, arn: string): Tag[] {
  return resources.get<Tag[]>(kind, arn)?.value ?? [];
}
