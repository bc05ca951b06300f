// Uploads by the form of a web page (POST): an object whose settings are the form's fields and whose bytes are its file.
import type { PutObjectCommandInput, StorageClass } from "@aws-sdk/client-s3";
import { Fault } from "../../kit/fault.ts";
import { checksumAlgorithms } from "../../wire/checksums.ts";
import type { Call, FormAnswer, UploadForm } from "../../wire/service.ts";
import { escapeXml } from "../../wire/xml-codec.ts";
import { invalidArgument, malformedXml } from "./faults.ts";
import { urlEncode } from "./list-objects.ts";
import { checkPolicy, parsePolicy } from "./post-policy.ts";
import { type PutOutcome, putObject, type WriteOptions } from "./write-object.ts";

export type PostOptions = WriteOptions & { clock: { now(): number } };

export async function postObject(options: PostOptions, form: UploadForm, call: Call): Promise<FormAnswer> {
  const fields = new Map([...form.fields, ["bucket", form.bucket]]);
  const key = fields.get("key")?.replace(/\$\{filename\}/g, () => form.fileName);
  if (key === undefined) {
    const message =
      "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the fields.";
    throw invalidArgument(message, "key", "");
  }
  fields.set("key", key);
  const policy = fields.get("policy");
  const sizes = policy === undefined ? undefined : checkPolicy(parsePolicy(policy), fields, options.clock.now());
  const success = successOf(fields);
  const body = sizes === undefined ? form.file : within(form.file, sizes);
  const input = { ...settingsOf(fields), Bucket: form.bucket, Key: key, Body: body };
  const outcome = await putObject(options, input as unknown as PutObjectCommandInput, {
    call,
    event: "ObjectCreated:Post",
  });
  return success(outcome, { bucket: form.bucket, key, baseUrl: call.baseUrl });
}

function settingsOf(fields: ReadonlyMap<string, string>): Partial<PutObjectCommandInput> {
  const metadata = [...fields].filter(([name]) => name.startsWith("x-amz-meta-"));
  const checksums = checksumAlgorithms.map((algorithm) => {
    return [`Checksum${algorithm}`, fields.get(`x-amz-checksum-${algorithm.toLowerCase()}`)] as const;
  });
  const acl = fields.get("acl") as PutObjectCommandInput["ACL"];
  return {
    ...(acl !== undefined && { ACL: acl }),
    CacheControl: fields.get("cache-control"),
    ContentType: fields.get("content-type"),
    ContentDisposition: fields.get("content-disposition"),
    ContentEncoding: fields.get("content-encoding"),
    ContentLanguage: fields.get("content-language"),
    Expires: expiresOf(fields.get("expires")),
    StorageClass: fields.get("x-amz-storage-class") as StorageClass | undefined,
    ServerSideEncryption: fields.get("x-amz-server-side-encryption") as PutObjectCommandInput["ServerSideEncryption"],
    WebsiteRedirectLocation: fields.get("x-amz-website-redirect-location"),
    Tagging: taggingOf(fields.get("tagging")),
    Metadata: Object.fromEntries(metadata.map(([name, value]) => [name.slice("x-amz-meta-".length), value])),
    ...Object.fromEntries(checksums.filter(([, value]) => value !== undefined)),
  };
}

function expiresOf(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined;
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw invalidArgument("the date is not valid", "Expires", text);
  return date;
}

/** Of a form tags are a document: `<Tagging><TagSet><Tag><Key>..</Key><Value>..</Value></Tag></TagSet></Tagging>`. */
function taggingOf(xml: string | undefined): string | undefined {
  if (xml === undefined) return undefined;
  const tags = new URLSearchParams();
  const tag = /<Tag>\s*<Key>([^<]*)<\/Key>\s*<Value>([^<]*)<\/Value>\s*<\/Tag>/g;
  for (const [, key = "", value = ""] of xml.matchAll(tag)) tags.append(unescaped(key), unescaped(value));
  if (tags.size === 0) throw malformedXml("tagging must hold a TagSet");
  return tags.toString();
}

const entities: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

function unescaped(text: string): string {
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (_, name: string) => entities[name] as string);
}

async function* within(file: AsyncIterable<Uint8Array>, { least, most }: { least: number; most: number }) {
  let sizeBytes = 0;
  const outside = (code: string, than: string) =>
    new Fault(code, `Your proposed upload ${than} size`, {
      members: {
        ProposedSize: sizeBytes,
        ...(code === "EntityTooLarge" ? { MaxSizeAllowed: most } : { MinSizeAllowed: least }),
      },
    });
  for await (const piece of file) {
    sizeBytes += piece.byteLength;
    if (sizeBytes > most) throw outside("EntityTooLarge", "exceeds the maximum allowed");
    yield piece;
  }
  if (sizeBytes < least) throw outside("EntityTooSmall", "is smaller than the minimum allowed");
}

type Success = (outcome: PutOutcome, at: { bucket: string; key: string; baseUrl: string }) => FormAnswer;

/** How the form wants to be answered; known to be possible before anything is stored. */
function successOf(fields: ReadonlyMap<string, string>): Success {
  const redirect = fields.get("success_action_redirect") ?? fields.get("redirect");
  const target = redirect !== undefined && URL.canParse(redirect) ? new URL(redirect) : undefined;
  const status = fields.get("success_action_status");
  return ({ ETag, VersionId }, { bucket, key, baseUrl }) => {
    const location = `${baseUrl}/${bucket}/${urlEncode(key)}`;
    const headers: Record<string, string> = { etag: ETag, location };
    if (VersionId !== undefined) headers["x-amz-version-id"] = VersionId;
    if (target !== undefined) {
      for (const [name, value] of Object.entries({ bucket, key, etag: ETag })) target.searchParams.append(name, value);
      return { status: 303, headers: { ...headers, location: target.href }, body: "" };
    }
    if (status === "200") return { status: 200, headers, body: "" };
    if (status !== "201") return { status: 204, headers, body: "" };
    const inner = Object.entries({ Location: location, Bucket: bucket, Key: key, ETag })
      .map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`)
      .join("");
    const body = `<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse>${inner}</PostResponse>`;
    return { status: 201, headers: { ...headers, "content-type": "application/xml" }, body };
  };
}
