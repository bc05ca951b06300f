import type { Integration } from "./machine.ts";

const functionArn = /^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[\w*-]*:function:[^:\s]+(:[^:\s]+)?$/;
const activityArn = /^arn:aws[a-z-]*:states:[a-z0-9-]+:[\w*]*:activity:[^:\s]+$/;
const serviceArn =
  /^arn:aws[a-z-]*:states:[a-z0-9-]*:[\w*]*:([a-z0-9-]+(?::[a-z0-9-]+)?):([A-Za-z0-9]+)(\.sync(?::2)?|\.waitForTaskToken)?$/;

/** What a Task's Resource names, or undefined when it is no resource that Step Functions knows the shape of. */
export function integrationOf(resource: string): Integration | undefined {
  if (functionArn.test(resource)) return { kind: "function" };
  if (activityArn.test(resource)) return { kind: "activity" };
  const match = serviceArn.exec(resource);
  if (match === null) return undefined;
  const [, resourceType, action, suffix] = match as unknown as [string, string, string, string | undefined];
  const isSdk = resourceType.startsWith("aws-sdk:");
  // `service:action` alone names an optimised integration; three parts only exist for `aws-sdk:service:action`.
  if (resourceType.includes(":") && !isSdk) return undefined;
  const pattern = suffix === undefined ? "request" : suffix === ".waitForTaskToken" ? "waitForTaskToken" : "sync";
  return { kind: "service", resourceType, resource: `${action}${suffix ?? ""}`, pattern };
}
