// What speaking AWS costs: operations against bare node:http routes that do the same reading, writing and inferring.
// `--only InvokeEndpoint` measures those whose name holds the text.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { resnet9 } from "../src/learn/networks.ts";
import { median, type Row, report } from "./report.ts";
import { askOnce, closedLoop } from "./support/load.ts";
import { machine } from "./support/machine.ts";
import { deploy, invocation, modelFolder, noisyPicture } from "./support/model.ts";
import { cpuMsOf } from "./support/processes.ts";
import { type RouteWork, rawRoute } from "./support/raw-route.ts";
import { type Credential, type Request, requestBytes } from "./support/request.ts";
import { type Server, startServer, statesRequest } from "./support/server.ts";

const rounds = 5;
const connections = 16;
const durationMs = 700;
const credential = { accessKeyId: "AKIDBENCH", secretAccessKey: "a secret of the bench" };
const picture = noisyPicture();
const machineArn = "arn:aws:states:us-east-1:000000000000:stateMachine:bench";
const definition = JSON.stringify({ StartAt: "A", States: { A: { Type: "Pass", End: true } } });

interface Compared {
  name: string;
  /** Asked of the bare route as well. */
  request: (url: string, signer?: Credential) => Buffer;
  work: RouteWork;
  /** The least share of the bare route's rate without signatures. */
  target?: number;
}

const folder = mkdtempSync(join(tmpdir(), "scones-bench-"));
// So small a network that the way to it is what is measured.
const network = modelFolder(resnet9(2, { widths: [4, 4, 4, 4] }));
const open = await startServer();
const guarded = await startServer(credential);
const described = await prepare(open);
await prepare(guarded, credential);
writeFileSync(join(folder, "picture.png"), picture);

const rows: Row[] = [];
const { values } = parseArgs({ options: { only: { type: "string" }, json: { type: "boolean" } } });
for (const compared of operations().filter(({ name }) => name.includes(values.only ?? "")))
  rows.push(...(await compare(compared)));
await open.stop();
await guarded.stop();
for (const path of [folder, network]) rmSync(path, { recursive: true, force: true });
report(rows, machine());

function operations(): Compared[] {
  const onObject = (request: Omit<Request, "path" | "service">) => (url: string, signer?: Credential) =>
    requestBytes(url, { ...request, path: "/bench/picture.png", service: "s3" }, signer);
  return [
    {
      name: "DescribeStateMachine",
      request: (url, signer) => statesRequest(url, "DescribeStateMachine", { stateMachineArn: machineArn }, signer),
      work: { kind: "readRow", body: described, folder },
      target: 0.9,
    },
    {
      name: "GetObject, 3 kB",
      request: onObject({ method: "GET" }),
      work: { kind: "readFile", file: join(folder, "picture.png") },
      target: 0.8,
    },
    {
      name: "PutObject, 3 kB, durable",
      request: onObject({ method: "PUT", body: picture }),
      work: { kind: "writeFile", folder },
      target: 0.8,
    },
    {
      name: "InvokeEndpoint, captured",
      request: (url, signer) => invocation(url, picture, { credential: signer }),
      work: { kind: "infer", modelFolder: network, workers: 2, captureFile: join(folder, "captured.jsonl") },
      target: 0.8,
    },
    {
      name: "InvokeEndpoint, against a route that captures nothing",
      request: (url, signer) => invocation(url, picture, { credential: signer }),
      work: { kind: "infer", modelFolder: network, workers: 2 },
    },
  ];
}

async function compare({ name, request, work, target }: Compared): Promise<Row[]> {
  const bare = await rawRoute(work);
  const measured = { bare: [] as number[], open: [] as number[], guarded: [] as number[], work: [] as number[] };
  const plain = request(open.url);
  const signed = request(guarded.url, credential);
  const rate = async (url: string, bytes: Buffer): Promise<number> =>
    (await closedLoop({ url, request: bytes, connections, durationMs })).perSecond;
  const round = async () => {
    const usedAtStart = cpuMsOf(bare.pid);
    const ofBare = await rate(bare.url, plain);
    const byBare = (cpuMsOf(bare.pid) - usedAtStart) / ofBare;
    const usedBefore = cpuMsOf(open.pid);
    const ofOpen = await rate(open.url, plain);
    const byOpen = (cpuMsOf(open.pid) - usedBefore) / ofOpen;
    return { bare: ofBare, open: ofOpen, guarded: await rate(guarded.url, signed), work: byBare / byOpen };
  };
  await round();
  for (let n = 0; n < rounds; n++) {
    const rates = await round();
    measured.bare.push(rates.bare);
    measured.open.push(rates.open);
    measured.guarded.push(rates.guarded);
    measured.work.push(rates.work);
  }
  bare.stop();
  const share = (rates: number[]) => median(rates.map((value, n) => value / (measured.bare[n] ?? Number.NaN)));
  const openShare = share(measured.open);
  return [
    { name, value: median(measured.open), unit: "/s" },
    { name: "  bare route", value: median(measured.bare), unit: "/s" },
    {
      name: "  ratio",
      value: openShare,
      unit: "x",
      ...(target === undefined ? {} : { target: `>= ${target} x`, meets: openShare >= target }),
    },
    { name: "  ratio with signatures verified", value: share(measured.guarded), unit: "x" },
    { name: "  processor time, bare : served", value: median(measured.work), unit: "x" },
  ];
}

/** A state machine, an object and an endpoint; answers what the state machine is described as. */
async function prepare({ url }: Server, signer?: Credential): Promise<string> {
  await deploy(url, network, 2, signer && { credential: signer });
  const roleArn = "arn:aws:iam::000000000000:role/bench";
  await askOnce(url, statesRequest(url, "CreateStateMachine", { name: "bench", roleArn, definition }, signer));
  const put = { method: "PUT", path: "/bench/picture.png", service: "s3", body: picture };
  await askOnce(url, requestBytes(url, put, signer));
  return askOnce(url, statesRequest(url, "DescribeStateMachine", { stateMachineArn: machineArn }, signer));
}
