/** A Task's resource, taken apart. */
export type TaskResource =
  | { kind: "function"; arn: string }
  | { kind: "activity"; name: string }
  /** `arn:aws:states:::sns:publish.waitForTaskToken`; the suffix is `sync`, `sync:2`, `waitForTaskToken` or nothing. */
  | { kind: "optimized"; service: string; operation: string; suffix: string }
  | { kind: "sdk"; service: string; operation: string; suffix: string };

export function parseResource(resource: string): TaskResource | undefined {
  if (/^arn:[^:]+:lambda:[^:]*:[^:]*:function:[^:]+(:[^:]+)?$/.test(resource))
    return { kind: "function", arn: resource };
  const activity = /^arn:[^:]+:states:[^:]+:[^:]*:activity:([^:]+)$/.exec(resource);
  if (activity) return { kind: "activity", name: activity[1] as string };
  const call =
    /^arn:[^:]+:states:::(aws-sdk:)?([A-Za-z0-9-]+):([A-Za-z0-9]+)(?:\.(sync|sync:2|waitForTaskToken))?$/.exec(
      resource,
    );
  if (call === null) return undefined;
  const [, sdk, service = "", operation = "", suffix = ""] = call;
  return { kind: sdk === undefined ? "optimized" : "sdk", service, operation, suffix };
}

export function pascalCase(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
