import type { Tag } from "@aws-sdk/client-sagemaker";
import { Fault } from "../../kit/fault.ts";
import type { Resources } from "../../ports/resources.ts";
import { addTags } from "./tags.ts";

/** Stores a job under a name that no other has, together with its tags. `names` and `taken` say it as AWS does for this kind of job. */
export function createJob(
  resources: Resources,
  kind: string,
  { job, tags = [], names, taken }: { job: { name: string; arn: string }; tags?: Tag[]; names: string; taken: string },
): void {
  resources.transaction(() => {
    if (!resources.create(kind, job.name, job)) {
      throw new Fault(
        "ResourceInUse",
        `${names} must be unique within an AWS account and region, and a ${taken} with this name already exists (${job.arn})`,
      );
    }
    addTags(resources, job.arn, tags);
  });
}
