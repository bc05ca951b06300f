import { readFile, writeFile } from "node:fs/promises";
import { basename, extname } from "node:path";
import { graphSvg } from "../draw/graph.ts";
import { svgToPng } from "../draw/png.ts";
import { type Clients, connect } from "./clients.ts";
import { exitCodes, type Invocation, textOption } from "./command.ts";
import { executionGraph, stateMachineGraph } from "./workflow/graphs.ts";
import { stateMachineArn } from "./workflow/names.ts";

export async function run(invocation: Invocation): Promise<number> {
  const { positionals, terminal } = invocation;
  const subject = positionals[0] ?? "";
  const svg = subject.endsWith(".json")
    ? await graphSvg(await definitionIn(subject), { title: basename(subject) })
    : await remoteGraph(invocation, subject);
  const files: string[] = [];
  for (const file of outputFiles(
    textOption(invocation, "out") ?? basename(subject.split(":").at(-1) ?? "graph", ".asl.json"),
  )) {
    await writeFile(file, extname(file) === ".svg" ? svg : svgToPng(svg));
    files.push(file);
  }
  terminal.json({ files });
  if (!terminal.isJson) for (const file of files) terminal.print(file);
  return exitCodes.done;
}

async function definitionIn(file: string): Promise<Parameters<typeof graphSvg>[0]> {
  const text = await readFile(file, "utf8");
  try {
    return JSON.parse(text) as Parameters<typeof graphSvg>[0];
  } catch (error) {
    throw new Error(`${file} is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

async function remoteGraph(invocation: Invocation, subject: string): Promise<string> {
  const clients = await connect(invocation);
  try {
    return await graphOf(clients, subject);
  } finally {
    clients.close();
  }
}

function graphOf(clients: Clients, subject: string): Promise<string> {
  if (subject.includes(":execution:")) return executionGraph(clients, subject);
  return stateMachineGraph(clients, subject.startsWith("arn:") ? subject : stateMachineArn(clients, subject));
}

function outputFiles(out: string): string[] {
  return [".svg", ".png"].includes(extname(out)) ? [out] : [`${out}.svg`, `${out}.png`];
}
