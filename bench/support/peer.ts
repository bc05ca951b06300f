import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ModelManifest } from "../../src/ports/model-package.ts";
import type { Served } from "./model.ts";
import { firstJson } from "./server.ts";

export interface Peer {
  name: "plain" | "tuned";
  pid: number;
  request: Buffer;
  url: string;
  stop(): void;
}

/** A server of fastify, sharp and ONNX Runtime for the same package, in processes of its own. */
export async function startPeer(name: Peer["name"], { folder, side, picture, contentType }: Served): Promise<Peer> {
  const { input } = JSON.parse(readFileSync(join(folder, "model.json"), "utf8")) as ModelManifest;
  const program = join(import.meta.dirname, "peer-process.js");
  const values = [side, input.mean[0], input.deviation[0]].map(String);
  const child = spawn(process.execPath, [program, join(folder, "model.onnx"), ...values, name], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  process.on("exit", () => child.kill());
  const { url } = (await firstJson(child.stdout)) as { url: string };
  const head = [
    "POST /invocations HTTP/1.1",
    `host: ${new URL(url).host}`,
    `content-type: ${contentType}`,
    `content-length: ${picture.length}`,
    "",
    "",
  ];
  const request = Buffer.concat([Buffer.from(head.join("\r\n")), picture]);
  return { name, pid: child.pid ?? 0, request, url, stop: () => void child.kill("SIGTERM") };
}
