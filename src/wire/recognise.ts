// Which service and protocol a request is for. The order matters: the surest sign first, S3 for whatever has none.
import { remembered } from "./remembered.ts";
import { headerOf, type RequestHead } from "./request-head.ts";

export type Dialect = "json" | "cbor" | "query" | "restJson" | "restXml";

export interface Recognised {
  /** The model's name; absent when it is an AWS service that the wire has no model of. */
  service: string | undefined;
  /** What the caller called the service, for the message that we do not know it. */
  calledService: string;
  dialect: Dialect;
  /** Named by the request itself in the RPC protocols; in the query protocol it may still be in the body. */
  operation: string | undefined;
}

const dialects: ReadonlyMap<string, Dialect> = new Map<string, Dialect>([
  ["states", "json"],
  ["sagemaker", "json"],
  ["sagemaker-runtime", "restJson"],
  ["s3", "restXml"],
  ["lambda", "restJson"],
  ["sns", "query"],
  ["sqs", "json"],
  ["sts", "query"],
  ["iam", "query"],
  ["logs", "json"],
  ["events", "json"],
  ["monitoring", "json"],
  ["application-autoscaling", "json"],
]);

const targets: ReadonlyMap<string, string> = new Map([
  ["AWSStepFunctions", "states"],
  ["SageMaker", "sagemaker"],
  ["AmazonSQS", "sqs"],
  ["Logs_20140328", "logs"],
  ["AWSEvents", "events"],
  ["GraniteServiceVersion20100801", "monitoring"],
  ["AnyScaleFrontendService", "application-autoscaling"],
]);

const ofTarget = remembered((target): Recognised => {
  const [prefix = "", operation] = target.split(".", 2);
  return { service: targets.get(prefix), calledService: prefix, dialect: "json", operation };
});

export function recognise(head: RequestHead): Recognised {
  const target = headerOf(head, "x-amz-target");
  if (target !== undefined) return ofTarget(target);
  const rpc = head.method === "GET" ? null : /^\/service\/([^/]+)\/operation\/([^/]+)$/.exec(head.path);
  if (rpc !== null && headerOf(head, "smithy-protocol") === "rpc-v2-cbor") {
    const [, prefix = "", operation] = rpc;
    return { service: targets.get(prefix), calledService: prefix, dialect: "cbor", operation };
  }
  const called = head.scope?.service ?? hostService(head.host);
  if (called !== undefined) return ofService(called, head);
  if (head.path.startsWith("/2015-03-31/functions")) return ofService("lambda", head);
  if (head.path.startsWith("/endpoints/")) return ofService("sagemaker", head);
  if (isForm(head)) return ofVersion(head);
  return ofService("s3", head);
}

function ofService(called: string, head: RequestHead): Recognised {
  // SageMaker and its runtime sign alike; the runtime alone has paths.
  const isRuntime = called === "runtime.sagemaker" || (called === "sagemaker" && head.path.startsWith("/endpoints/"));
  const service = isRuntime ? "sagemaker-runtime" : (aliases.get(called) ?? called);
  const known = dialects.get(service);
  if (known === undefined) {
    return {
      service: undefined,
      calledService: called,
      dialect: isForm(head) ? "query" : "json",
      operation: undefined,
    };
  }
  const dialect = known === "json" && isForm(head) ? "query" : known;
  return { service, calledService: called, dialect, operation: head.query.get("Action") ?? undefined };
}

/** Unsigned query requests say which service they mean only by the date of its interface. */
function ofVersion(head: RequestHead): Recognised {
  const version = head.query.get("Version");
  const service = version === null ? undefined : versions.get(version);
  const operation = head.query.get("Action") ?? undefined;
  return { service, calledService: version ?? "a query service", dialect: "query", operation };
}

export const versions: ReadonlyMap<string, string> = new Map([
  ["2010-03-31", "sns"],
  ["2011-06-15", "sts"],
  ["2010-05-08", "iam"],
  ["2012-11-05", "sqs"],
  ["2010-08-01", "monitoring"],
]);

const aliases: ReadonlyMap<string, string> = new Map([
  ["api.sagemaker", "sagemaker"],
  ["sync-states", "states"],
  ["queue", "sqs"],
  ["s3-control", "s3control"],
]);

/** `sts.us-east-1.amazonaws.com`, `runtime.sagemaker.eu-west-1.amazonaws.com`, `bucket.s3.amazonaws.com`. */
function hostService(host: string): string | undefined {
  const labels = /^(.+)\.amazonaws\.com$/.exec(host)?.[1]?.split(".");
  if (labels === undefined) return undefined;
  if (labels.some((label) => isS3Label(label))) return "s3";
  const [first = "", second] = labels;
  return second === "sagemaker" ? `${first}.sagemaker` : first;
}

function isS3Label(label: string): boolean {
  return label === "s3" || /^s3-[a-z]{2}-/.test(label) || label === "s3-accelerate";
}

/** The bucket that a host name carries, if it carries one. */
export function bucketOfHost(host: string): string | undefined {
  const aws = /^(.+)\.amazonaws\.com$/.exec(host)?.[1]?.split(".");
  if (aws !== undefined) {
    const at = aws.findLastIndex((label) => isS3Label(label));
    return at > 0 ? aws.slice(0, at).join(".") : undefined;
  }
  return /^(.+)\.localhost$/.exec(host)?.[1];
}

/** Programs such as curl call any body a form; one that names an operation is a POST with nothing in its address. */
function isForm(head: RequestHead): boolean {
  if (head.query.has("Action")) return true;
  const type = headerOf(head, "content-type") ?? "";
  return head.method === "POST" && head.rawQuery === "" && type.startsWith("application/x-www-form-urlencoded");
}
