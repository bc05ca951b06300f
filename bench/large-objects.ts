// What objects far larger than memory cost: how fast 5 GB go in, come out and are copied, and how much memory that takes.
// `-- --gigabytes 1` takes smaller ones.
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { type Row, report } from "./report.ts";
import { machine } from "./support/machine.ts";
import { highestBytesOf } from "./support/processes.ts";
import { startServer } from "./support/server.ts";

const asked = process.argv.indexOf("--gigabytes");
const sizeBytes = Math.round((asked === -1 ? 5 : Number(process.argv[asked + 1])) * 1e9);
const partBytes = 64 * 2 ** 20;
/** Parts under way at once, as `aws s3 cp` has it. */
const lanes = 8;
const piece = Buffer.alloc(2 ** 20, createHash("sha512").update("large objects").digest());
const Bucket = "large";
/** What its streams, their buffers and the collector's slack may take beyond a server that has moved one small object. */
const mostMoreBytes = 200 * 2 ** 20;

const credential = { accessKeyId: "AKIDBENCH", secretAccessKey: "a secret of the bench" };
const server = await startServer(credential);
const s3 = new S3Client({ endpoint: server.url, region: "us-east-1", forcePathStyle: true, credentials: credential });
await s3.send(new CreateBucketCommand({ Bucket }));
await put("warm", 64 * 2 ** 20);
const baseBytes = highestBytesOf(server.pid);
const gigabytes = (sizeBytes / 1e9).toFixed(0);
const rows: Row[] = [
  { name: "largest memory after an object of 64 MiB", value: baseBytes / 2 ** 20, unit: "MiB" },
  ...(await timed(`PutObject of ${gigabytes} GB, one stream`, () => put("whole", sizeBytes))),
  ...(await timed(`${gigabytes} GB in parts of 64 MiB, ${lanes} at once`, () => putParts("parts"))),
  ...(await timed("GetObject", () => get("whole"))),
  ...(await timed("CopyObject", () =>
    s3.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource: "large/whole" })),
  )),
  ...(await timed("the same by UploadPartCopy", copyParts)),
];
await server.stop();
report(rows, machine());

async function timed(name: string, work: () => Promise<unknown>): Promise<Row[]> {
  const startedAt = performance.now();
  await work();
  const seconds = (performance.now() - startedAt) / 1000;
  const moreBytes = highestBytesOf(server.pid) - baseBytes;
  return [
    { name, value: sizeBytes / 1e6 / seconds, unit: "MB/s" },
    {
      name: "  largest memory beyond a small object",
      value: moreBytes / 2 ** 20,
      unit: "MiB",
      target: `<= ${mostMoreBytes / 2 ** 20} MiB`,
      meets: moreBytes <= mostMoreBytes,
    },
  ];
}

function bytes(length: number): Readable {
  let rest = length;
  return new Readable({
    read() {
      const next = piece.subarray(0, Math.min(rest, piece.length));
      rest -= next.length;
      this.push(next.length === 0 ? null : next);
    },
  });
}

function put(Key: string, length: number): Promise<unknown> {
  return s3.send(new PutObjectCommand({ Bucket, Key, Body: bytes(length), ContentLength: length }));
}

async function get(Key: string): Promise<void> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
  let received = 0;
  for await (const chunk of Body as Readable) received += (chunk as Buffer).length;
  if (received !== sizeBytes) throw new Error(`${received} of ${sizeBytes} bytes came back`);
}

async function putParts(Key: string): Promise<void> {
  await inParts(Key, async (PartNumber, UploadId, { first, last }) => {
    const length = last - first + 1;
    const part = { Bucket, Key, UploadId, PartNumber, Body: bytes(length), ContentLength: length };
    return (await s3.send(new UploadPartCommand(part))).ETag;
  });
}

async function copyParts(): Promise<void> {
  await inParts("copied in parts", async (PartNumber, UploadId, { first, last }) => {
    const CopySourceRange = `bytes=${first}-${last}`;
    const part = { Bucket, Key: "copied in parts", UploadId, PartNumber, CopySource: "large/parts", CopySourceRange };
    return (await s3.send(new UploadPartCopyCommand(part))).CopyPartResult?.ETag;
  });
}

type SendPart = (
  partNumber: number,
  uploadId: string | undefined,
  range: { first: number; last: number },
) => Promise<string | undefined>;

async function inParts(Key: string, send: SendPart): Promise<void> {
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const count = Math.ceil(sizeBytes / partBytes);
  const Parts: { PartNumber: number; ETag: string | undefined }[] = [];
  let next = 1;
  const lane = async (): Promise<void> => {
    while (next <= count) {
      const PartNumber = next++;
      const first = (PartNumber - 1) * partBytes;
      const ETag = await send(PartNumber, UploadId, { first, last: Math.min(first + partBytes, sizeBytes) - 1 });
      Parts.push({ PartNumber, ETag });
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  Parts.sort((one, other) => one.PartNumber - other.PartNumber);
  await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
}
