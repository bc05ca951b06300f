import { Fault } from "../../kit/fault.ts";
import { checkCannedAcl } from "./acl.ts";
import { invalidArgument, notImplemented } from "./faults.ts";
import { checkTaggingHeader } from "./tagging.ts";

/** As S3: names and values together. */
const largestMetadataBytes = 2048;
/** As S3, in UTF-8. */
const longestKeyBytes = 1024;

/** Which member of an input or output is which stored header. */
const headerOfMember = {
  CacheControl: "cache-control",
  ContentDisposition: "content-disposition",
  ContentEncoding: "content-encoding",
  ContentLanguage: "content-language",
  ContentType: "content-type",
  WebsiteRedirectLocation: "x-amz-website-redirect-location",
  ServerSideEncryption: "x-amz-server-side-encryption",
  StorageClass: "x-amz-storage-class",
} as const;

export interface HeaderMembers {
  CacheControl?: string | undefined;
  ContentDisposition?: string | undefined;
  ContentEncoding?: string | undefined;
  ContentLanguage?: string | undefined;
  ContentType?: string | undefined;
  WebsiteRedirectLocation?: string | undefined;
  ServerSideEncryption?: string | undefined;
  StorageClass?: string | undefined;
  Expires?: Date | string | undefined;
  Metadata?: Record<string, string> | undefined;
  Tagging?: string | undefined;
}

interface RefusedMembers {
  ACL?: string | undefined;
  SSECustomerAlgorithm?: string | undefined;
  ObjectLockMode?: string | undefined;
}

/** Labels here: everything lies on the same disk. Those that would have to be restored first are refused. */
const storageClasses = [
  "STANDARD",
  "REDUCED_REDUNDANCY",
  "STANDARD_IA",
  "ONEZONE_IA",
  "INTELLIGENT_TIERING",
  "GLACIER_IR",
];

/** What of a put is kept with the object. */
export function headersOf(input: HeaderMembers & RefusedMembers): Record<string, string> {
  refuseWhatCannotBeKept(input);
  const headers: Record<string, string> = {};
  for (const [member, header] of Object.entries(headerOfMember)) {
    const value = input[member as keyof typeof headerOfMember];
    if (value !== undefined) headers[header] = value;
  }
  if (input.StorageClass === "STANDARD") delete headers["x-amz-storage-class"];
  // aws-chunked is how the body travelled, not what it is.
  const encodings = headers["content-encoding"]?.split(",").map((coding) => coding.trim());
  const kept = encodings?.filter((coding) => coding !== "" && coding !== "aws-chunked");
  if (kept && kept.length > 0) headers["content-encoding"] = kept.join(",");
  else delete headers["content-encoding"];
  headers["content-type"] ??= "binary/octet-stream";
  if (input.Expires !== undefined) {
    headers["expires"] = input.Expires instanceof Date ? input.Expires.toUTCString() : input.Expires;
  }
  if (input.Tagging) {
    checkTaggingHeader(input.Tagging);
    headers["x-amz-tagging"] = input.Tagging;
  }
  let metadataBytes = 0;
  for (const [name, value] of Object.entries(input.Metadata ?? {})) {
    metadataBytes += Buffer.byteLength(name) + Buffer.byteLength(value);
    headers[`x-amz-meta-${name.toLowerCase()}`] = value;
  }
  if (metadataBytes > largestMetadataBytes) {
    throw new Fault("MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size", {
      members: { Size: String(metadataBytes), MaxSizeAllowed: String(largestMetadataBytes) },
    });
  }
  return headers;
}

/** What is kept with the object, as members of an answer. */
export function membersOf(headers: Readonly<Record<string, string>>): Record<string, unknown> {
  const members: Record<string, unknown> = {};
  for (const [member, header] of Object.entries(headerOfMember)) {
    if (headers[header] !== undefined) members[member] = headers[header];
  }
  const metadata = Object.entries(headers)
    .filter(([name]) => name.startsWith("x-amz-meta-"))
    .map(([name, value]) => [name.slice("x-amz-meta-".length), value] as const);
  if (metadata.length > 0) members["Metadata"] = Object.fromEntries(metadata);
  if (headers["expires"] !== undefined) {
    members["Expires"] = new Date(headers["expires"]);
    members["ExpiresString"] = headers["expires"];
  }
  if (headers["x-amz-tagging"]) members["TagCount"] = new URLSearchParams(headers["x-amz-tagging"]).size;
  return members;
}

export function checkKey(key: string): void {
  if (key === "") throw invalidArgument("an object key must have at least one character", "Key", key);
  const sizeBytes = Buffer.byteLength(key);
  if (sizeBytes > longestKeyBytes) {
    throw new Fault("KeyTooLongError", "Your key is too long", {
      members: { Size: String(sizeBytes), MaxSizeAllowed: String(longestKeyBytes) },
    });
  }
}

function refuseWhatCannotBeKept(input: HeaderMembers & RefusedMembers): void {
  if (input.SSECustomerAlgorithm !== undefined) throw notImplemented("encryption with customer keys");
  if (input.ServerSideEncryption !== undefined && input.ServerSideEncryption !== "AES256") {
    throw notImplemented(`encryption with ${input.ServerSideEncryption}`);
  }
  if (input.ObjectLockMode !== undefined) throw notImplemented("object lock");
  if (input.StorageClass !== undefined && !storageClasses.includes(input.StorageClass)) {
    if (input.StorageClass === "GLACIER" || input.StorageClass === "DEEP_ARCHIVE") throw notImplemented("archives");
    throw new Fault("InvalidStorageClass", "The storage class you specified is not valid", {
      members: { StorageClassRequested: input.StorageClass },
    });
  }
  checkCannedAcl(input.ACL);
}
