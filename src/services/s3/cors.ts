import type { CORSRule, PutBucketCorsCommandInput } from "@aws-sdk/client-s3";
import { Fault } from "../../kit/fault.ts";
import type { Handler, PageRequest } from "../../wire/service.ts";
import type { Buckets } from "./buckets.ts";
import { malformedXml } from "./faults.ts";

/*
 * Which web pages may use a bucket. Elsewhere S3's rules only let a page read what it gets; here no page of another origin
 * is answered at all before a rule of the bucket says so.
 */

const methods = ["GET", "PUT", "HEAD", "POST", "DELETE"];
/** As S3. */
const mostRules = 100;

export function corsHandlers(buckets: Buckets): Record<string, Handler> {
  return {
    GetBucketCors(input: { Bucket: string }) {
      const { corsRules } = buckets.find(input.Bucket);
      if (corsRules !== undefined) return { CORSRules: corsRules };
      throw new Fault("NoSuchCORSConfiguration", "The CORS configuration does not exist", {
        status: 404,
        members: { BucketName: input.Bucket },
      });
    },
    PutBucketCors(input: PutBucketCorsCommandInput) {
      const corsRules = input.CORSConfiguration?.CORSRules ?? [];
      if (corsRules.length === 0 || corsRules.length > mostRules) throw malformedXml();
      for (const rule of corsRules) checkRule(rule);
      buckets.change(input.Bucket as string, { corsRules });
      return {};
    },
    DeleteBucketCors(input: { Bucket: string }) {
      buckets.change(input.Bucket, { corsRules: undefined });
      return {};
    },
  };
}

function checkRule({ AllowedMethods, AllowedOrigins, AllowedHeaders = [], ExposeHeaders = [] }: CORSRule): void {
  if (!AllowedMethods?.length || !AllowedOrigins?.length) throw malformedXml();
  for (const method of AllowedMethods) {
    if (methods.includes(method)) continue;
    throw invalid(`Found unsupported HTTP method in CORS config. Unsupported method is ${method}`);
  }
  for (const origin of AllowedOrigins) {
    if (hasTwoWildcards(origin)) throw invalid(`AllowedOrigin "${origin}" can not have more than one wildcard.`);
  }
  for (const header of AllowedHeaders) {
    if (hasTwoWildcards(header)) throw invalid(`AllowedHeader "${header}" can not have more than one wildcard.`);
  }
  for (const header of ExposeHeaders) {
    if (!header.includes("*")) continue;
    throw invalid(`ExposeHeader "${header}" contains wildcard. We currently do not support wildcard for ExposeHeader.`);
  }
}

function hasTwoWildcards(text: string): boolean {
  return text.split("*").length > 2;
}

function invalid(message: string): Fault {
  return new Fault("InvalidRequest", message);
}

/** What a browser must hear to let the page have the answer. */
export function allowPage(rules: CORSRule[] | undefined, request: PageRequest): Record<string, string> {
  if (rules === undefined) throw forbidden(request, "CORS is not enabled for this bucket.");
  // A page that says no origin (of a picture in it, or a link) may be any page.
  const origin = request.origin ?? "*";
  const rule = rules.find(
    ({ AllowedOrigins = [], AllowedMethods = [], AllowedHeaders = [] }) =>
      AllowedOrigins.some((allowed) => matches(allowed, origin)) &&
      AllowedMethods.includes(request.method) &&
      request.headers.every((header) => AllowedHeaders.some((allowed) => matches(allowed.toLowerCase(), header))),
  );
  if (rule === undefined) {
    throw forbidden(
      request,
      "This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
    );
  }
  const isForAll = rule.AllowedOrigins?.includes("*") === true;
  const headers: Record<string, string> = {
    "access-control-allow-origin": isForAll ? "*" : origin,
    "access-control-allow-methods": (rule.AllowedMethods ?? []).join(", "),
    vary: "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
  };
  if (!isForAll) headers["access-control-allow-credentials"] = "true";
  if (request.headers.length > 0) headers["access-control-allow-headers"] = request.headers.join(", ");
  if (rule.ExposeHeaders?.length) headers["access-control-expose-headers"] = rule.ExposeHeaders.join(", ");
  if (rule.MaxAgeSeconds !== undefined) headers["access-control-max-age"] = String(rule.MaxAgeSeconds);
  return headers;
}

function matches(pattern: string, text: string): boolean {
  const at = pattern.indexOf("*");
  if (at === -1) return pattern === text;
  const [start, end] = [pattern.slice(0, at), pattern.slice(at + 1)];
  return text.length >= start.length + end.length && text.startsWith(start) && text.endsWith(end);
}

function forbidden({ method, isOfObject }: PageRequest, reason: string): Fault {
  return new Fault("AccessForbidden", `CORSResponse: ${reason}`, {
    status: 403,
    members: { Method: method, ResourceType: isOfObject ? "OBJECT" : "BUCKET" },
  });
}
