// What strangers send: pictures that are none, pictures and archives that are small and become large, models that are damaged.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { crc32, deflateSync, gzipSync } from "node:zlib";
import { pack } from "tar-stream";
import { resnet9 } from "../src/learn/networks.ts";
import { packFolder } from "../src/serve/pack-folder.ts";
import type { Row } from "./report.ts";
import { closedLoop } from "./support/load.ts";
import { administrator, invocation, modelFolder, noisyPicture } from "./support/model.ts";
import { childrenOf, highestBytesOf } from "./support/processes.ts";
import type { Credential } from "./support/request.ts";
import { startServer } from "./support/server.ts";

const damagedModels = 20;

export async function hostileInput(credential: Credential): Promise<Row[]> {
  const server = await startServer(credential);
  const { url, pid } = server;
  const admin = administrator(url, credential);
  const folder = modelFolder(resnet9(2, { widths: [8, 8, 16, 32] }));
  const archive = await buffer(packFolder(folder));
  await admin.bucket();
  await admin.model("bench", archive);
  await admin.config("bench", "bench", 1);
  await admin.call("CreateEndpoint", { EndpointName: "bench", EndpointConfigName: "bench" });
  await admin.settled();
  const worker = childrenOf(pid).find(({ command }) => command.includes("/serve/worker.js"))?.pid ?? 0;
  await closedLoop({ url, request: invocation(url, noisyPicture(), { credential }), connections: 8, durationMs: 500 });
  const calmBytes = highestBytesOf(worker);

  const pictures = Object.entries(hostilePictures());
  let [slowestMs, wrong] = [0, 0];
  for (const [name, picture] of pictures) {
    const request = invocation(url, picture, { credential });
    const startedAt = performance.now();
    const { statuses } = await closedLoop({ url, request, connections: 1, durationMs: 1, mayRefuse: true });
    const tookMs = performance.now() - startedAt;
    slowestMs = Math.max(slowestMs, tookMs);
    const isRefused = [...statuses.keys()].every((status) => status >= 400 && status < 500);
    if (!isRefused) process.stderr.write(`${name} was answered ${[...statuses.keys()]}\n`);
    if (!isRefused) wrong++;
  }
  const moreBytes = highestBytesOf(worker) - calmBytes;
  const largest = invocation(url, largestPicture(), { credential });
  await closedLoop({ url, request: largest, connections: 8, durationMs: 3_000 });
  const largestMegabytes = (highestBytesOf(worker) - calmBytes) / 2 ** 20;
  const isSame = childrenOf(pid).some((child) => child.pid === worker);

  const tryModel = async (name: string, bytes: Uint8Array): Promise<{ reason: string; tookMs: number }> => {
    await admin.model(name, bytes);
    await admin.config(name, name, 1);
    const startedAt = performance.now();
    await admin.call("CreateEndpoint", { EndpointName: name, EndpointConfigName: name });
    for (;;) {
      const { EndpointStatus: status, FailureReason: reason = "" } = await admin.describe(name);
      if (status !== "Creating")
        return { reason: status === "Failed" ? reason : status, tookMs: performance.now() - startedAt };
      await sleep(10);
    }
  };
  const bomb = await tryModel("bomb", await archiveBomb());
  let accepted = 0;
  for (let n = 0; n < damagedModels; n++) {
    const { reason } = await tryModel(`damaged-${n}`, await damaged(folder, n));
    if (!reason.includes("is damaged: its SHA-256")) accepted++;
  }
  await server.stop();
  const megabytes = moreBytes / 2 ** 20;
  return [
    {
      name: `${pictures.length} hostile pictures: not refused with 4xx`,
      value: wrong,
      unit: "",
      target: "0",
      meets: wrong === 0,
    },
    { name: "  slowest refusal", value: slowestMs, unit: "ms", target: "< 250 ms", meets: slowestMs < 250 },
    { name: "  more memory in the worker", value: megabytes, unit: "MB", target: "< 100 MB", meets: megabytes < 100 },
    {
      name: "pictures of 12 million pixels, eight at once: more memory in the worker",
      value: largestMegabytes,
      unit: "MB",
      target: "< 100 MB",
      meets: largestMegabytes < 100,
    },
    { name: "  workers that died", value: isSame ? 0 : 1, unit: "", target: "0", meets: isSame },
    {
      name: "archive of 20 GB in 20 MB: refused after",
      value: bomb.tookMs,
      unit: "ms",
      target: "< 250 ms",
      meets: bomb.tookMs < 250 && bomb.reason.includes("unpacks to more than"),
    },
    {
      name: `${damagedModels} models with 8 bytes changed: accepted`,
      value: accepted,
      unit: "",
      target: "0",
      meets: accepted === 0,
    },
  ];
}

/** As many pixels as are taken, RGBA, in 50 kB. */
function largestPicture(): Uint8Array {
  const [width, height] = [4_096, 3_072];
  return pngOf(["IHDR", pngHeader(width, height, 6)], ["IDAT", deflateSync(Buffer.alloc((width * 4 + 1) * height))]);
}

const pngSignature = Buffer.from("89504e470d0a1a0a", "hex");

function pngHeader(width: number, height: number, type = 2): Buffer {
  const body = Buffer.alloc(13);
  body.writeUInt32BE(width, 0);
  body.writeUInt32BE(height, 4);
  body.set([8, type, 0, 0, 0], 8);
  return body;
}

function pngOf(...chunks: [string, Buffer][]): Buffer {
  return Buffer.concat([
    pngSignature,
    ...chunks.map(([type, body]) => chunk(type, body)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function hostilePictures(): Record<string, Uint8Array> {
  const good = Buffer.from(noisyPicture());
  const zeros = (megabytes: number) => deflateSync(Buffer.alloc(megabytes * 2 ** 20));
  const flipped = Buffer.from(good);
  flipped[100] = (flipped[100] ?? 0) ^ 0xff;
  return {
    text: Buffer.from("this is no picture"),
    empty: Buffer.alloc(1),
    cut: good.subarray(0, 1_000),
    flipped,
    "20000 x 19000 declared": pngOf(["IHDR", pngHeader(20_000, 19_000)], ["IDAT", zeros(256)]),
    "a header that lies": pngOf(["IHDR", pngHeader(32, 32)], ["IDAT", zeros(1_024)]),
    "no size": pngOf(["IHDR", pngHeader(0, 0)], ["IDAT", zeros(1)]),
    "the largest size": pngOf(["IHDR", pngHeader(0x7fffffff, 0x7fffffff)], ["IDAT", zeros(1)]),
    "a chunk longer than the file": Buffer.concat([good.subarray(0, 33), Buffer.from("7fffffff49444154", "hex")]),
    "no pixels": pngOf(["IHDR", pngHeader(32, 32)]),
    "a JPEG of 65000 x 65000": Buffer.concat([
      Buffer.from("ffd8ffc0001108fde8fde803012200021101031101", "hex"),
      Buffer.alloc(10_000),
    ]),
    "a JPEG cut off": Buffer.from("ffd8ffe000104a46494600010100000100010000ffdb", "hex"),
    "a GIF of nothing": Buffer.from("474946383961ffffffff800000000000ffffff", "hex"),
    "a BMP of 30000 x 30000": bitmap(30_000),
  };
}

function chunk(type: string, body: Buffer): Buffer {
  const typed = Buffer.concat([Buffer.from(type), body]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(body.length);
  checksum.writeUInt32BE(crc32(typed));
  return Buffer.concat([length, typed, checksum]);
}

function bitmap(side: number): Buffer {
  const bytes = Buffer.alloc(54);
  bytes.write("BM");
  bytes.writeInt32LE(40, 14);
  bytes.writeInt32LE(side, 18);
  bytes.writeInt32LE(side, 22);
  return bytes;
}

/** A tar.gz that names one file of 20 GB of zeros; gzip members follow each other, so the same one serves again and again. */
async function archiveBomb(): Promise<Buffer> {
  const archive = pack();
  archive.entry({ name: "model.onnx", size: 20 * 2 ** 30 });
  const [head] = (await once(archive, "data")) as [Buffer]; // nothing is ever written into that entry
  const zeros = gzipSync(Buffer.alloc(256 * 2 ** 20));
  return Buffer.concat([gzipSync(head), ...Array.from({ length: 80 }, () => zeros)]);
}

/** The package with eight bytes of its weights changed. */
async function damaged(folder: string, seed: number): Promise<Buffer> {
  const model = readFileSync(join(folder, "model.onnx"));
  for (let i = 0; i < 8; i++) {
    const at = Math.floor(model.length / 4) + (((seed * 8 + i) * 7_919) % Math.floor(model.length / 2));
    model[at] = (model[at] ?? 0) ^ 0x55;
  }
  const archive = pack();
  archive.entry({ name: "model.json" }, readFileSync(join(folder, "model.json")));
  archive.entry({ name: "model.onnx" }, model);
  archive.finalize();
  return gzipSync(await buffer(archive));
}
