// A bare node:http server with one route: what Node itself costs for the same input and output.
import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { open, readFile, rename } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { systemClock } from "../../src/kit/clock.ts";
import { memoryLogs } from "../../src/ports/memory-logs.ts";
import { Gateway } from "../../src/serve/gateway.ts";
import { sqliteStore } from "../../src/store/sqlite.ts";
import type { RouteWork } from "./raw-route.ts";

const answer = await answerer(JSON.parse(process.argv[2] ?? "{}") as RouteWork);
const server = createServer((request, response) => {
  readBody(request)
    .then(answer)
    .then(
      (body) => {
        response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
        response.end(body);
      },
      (error: Error) => {
        response.writeHead(500);
        response.end(error.message);
      },
    );
});
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }));
});
process.on("SIGTERM", () => process.exit());

async function answerer(work: RouteWork): Promise<(body: Buffer) => Promise<Uint8Array>> {
  switch (work.kind) {
    case "constant": {
      const constant = Buffer.from(work.body);
      return async (body) => {
        JSON.parse(body.toString());
        return constant;
      };
    }
    case "readRow": {
      const { resources } = sqliteStore({ file: join(work.folder, "rows.sqlite"), clock: systemClock() });
      resources.put("row", "described", work.body);
      const constant = Buffer.from(work.body);
      return async (body) => {
        JSON.parse(body.toString());
        return resources.get("row", "described") === undefined ? Buffer.alloc(0) : constant;
      };
    }
    case "readFile":
      return () => readFile(work.file);
    case "writeFile":
      return (body) => writeDurably(work.folder, body);
    case "infer": {
      const clock = systemClock();
      const none = { blobs: unused(), logs: memoryLogs(clock) };
      const gateway = new Gateway({ clock, ...none, region: "us-east-1", accountId: "000000000000" });
      const model = { type: "package" as const, folder: work.modelFolder };
      await gateway.deploy({ name: "bench", variants: [{ name: "all", weight: 1, workers: work.workers, model }] });
      const captured = work.captureFile === undefined ? undefined : createWriteStream(work.captureFile);
      return async (body) => {
        const answer = (await gateway.invoke("bench", { body, contentType: "image/png" })).body;
        captured?.write(captureLine(body, answer));
        return answer;
      };
    }
  }
}

/** The record of a captured inference, as somebody writes it who knows its form. */
function captureLine(input: Buffer, output: Uint8Array): string {
  const half = (mode: string, observedContentType: string, bytes: Uint8Array) => ({
    observedContentType,
    mode,
    data: Buffer.from(bytes).toString("base64"),
    encoding: "BASE64",
  });
  const captureData = {
    endpointInput: half("INPUT", "image/png", input),
    endpointOutput: half("OUTPUT", "application/json", output),
  };
  const eventMetadata = { eventId: randomUUID(), inferenceTime: new Date().toISOString() };
  return `${JSON.stringify({ captureData, eventMetadata, eventVersion: "0" })}\n`;
}

async function writeDurably(folder: string, body: Buffer): Promise<Buffer> {
  const name = randomUUID();
  const handle = await open(join(folder, `${name}.part`), "wx");
  await handle.write(body);
  await handle.sync();
  await handle.close();
  await rename(join(folder, `${name}.part`), join(folder, name));
  const directory = await open(folder, "r");
  await directory.sync();
  await directory.close();
  return Buffer.alloc(0);
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Without capture the gateway touches no blobs. */
function unused(): ConstructorParameters<typeof Gateway>[0]["blobs"] {
  return new Proxy({} as ConstructorParameters<typeof Gateway>[0]["blobs"], {
    get: () => {
      throw new Error("the bare route stores nothing");
    },
  });
}
