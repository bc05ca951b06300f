import { setTimeout as sleep } from "node:timers/promises";
import { ListEndpointsCommand } from "@aws-sdk/client-sagemaker";
import { clientConfig } from "../config.ts";
import { table } from "../draw/text.ts";
import { type Clients, connect } from "./clients.ts";
import { exitCodes, type Invocation, numberOption } from "./command.ts";
import type { Terminal } from "./terminal.ts";
import { type Reading, readingOf, type VariantLine, variantLines } from "./workflow/endpoint-readings.ts";

/** Endpoints as they do now: redrawn on a terminal until Ctrl-C, told once to scripts. */
export async function run(invocation: Invocation): Promise<number> {
  const { terminal, signal, options } = invocation;
  const seconds = numberOption(invocation, "interval", { default: 1, min: 0.2, max: 3_600 });
  const clients = await connect(invocation);
  const screen = options["once"] === true ? undefined : terminal.screen();
  try {
    let before = await readMetrics(clients, signal);
    do {
      const startedAt = performance.now();
      await sleep(seconds * 1000, undefined, { signal });
      const [after, statuses] = await Promise.all([readMetrics(clients, signal), statusesOf(clients)]);
      const lines = variantLines(before, after, (performance.now() - startedAt) / 1000);
      before = after;
      const rows = [
        ...lines.map((line) => ({ ...line, status: statuses.get(line.endpoint) })),
        ...idle(lines, statuses),
      ];
      terminal.json(rows);
      const drawn = drawRows(terminal, rows);
      if (screen === undefined) for (const line of terminal.isJson ? [] : drawn) terminal.print(line);
      else
        screen.draw([...drawn, "", terminal.style("dim", `${clients.endpointUrl}, every ${seconds} s; Ctrl-C ends`)]);
    } while (screen !== undefined);
  } catch (error) {
    if (!signal.aborted) throw error; // Ctrl-C is how this command ends
  } finally {
    screen?.close();
    clients.close();
  }
  return exitCodes.done;
}

type Row = Partial<VariantLine> & { endpoint: string; status: string | undefined };

/** Endpoints that have no processes: being created, failed, or asked of a server of the user's own. */
function idle(lines: readonly VariantLine[], statuses: ReadonlyMap<string, string>): Row[] {
  const shown = new Set(lines.map(({ endpoint }) => endpoint));
  return [...statuses].filter(([name]) => !shown.has(name)).map(([endpoint, status]) => ({ endpoint, status }));
}

function drawRows(terminal: Terminal, rows: readonly Row[]): string[] {
  if (rows.length === 0) return ["there are no endpoints; make one with: scones deploy"];
  const milliseconds = (value: number | undefined) => (value === undefined ? "-" : value.toFixed(value < 10 ? 1 : 0));
  const [head = "", ...rest] = table(
    [
      { title: "ENDPOINT" },
      { title: "VARIANT" },
      { title: "STATUS" },
      { title: "WORKERS", align: "right" },
      { title: "QUEUE", align: "right" },
      { title: "REQ/S", align: "right" },
      { title: "FAILED", align: "right" },
      { title: "P50 MS", align: "right" },
      { title: "P99 MS", align: "right" },
      { title: "WAIT MS", align: "right" },
      { title: "DROPPED", align: "right" },
    ],
    rows.map((row) => [
      row.endpoint,
      row.variant ?? "-",
      row.status ?? "-",
      String(row.workers ?? "-"),
      String(row.queueLength ?? "-"),
      row.perSecond === undefined ? "-" : row.perSecond.toFixed(row.perSecond < 10 ? 1 : 0),
      row.failedShare === undefined ? "-" : `${(row.failedShare * 100).toFixed(1)} %`,
      milliseconds(row.medianMs),
      milliseconds(row.p99Ms),
      milliseconds(row.overheadMs),
      String(row.droppedCaptures ?? "-"),
    ]),
  );
  return [terminal.style("bold", head), ...rest];
}

async function readMetrics({ endpointUrl }: Clients, signal: AbortSignal): Promise<Reading> {
  const { credentials } = clientConfig();
  const key = Buffer.from(`${credentials.accessKeyId}:${credentials.secretAccessKey}`).toString("base64");
  const answer = await fetch(new URL("/_scones/metrics", endpointUrl), {
    headers: { authorization: `Basic ${key}` },
    signal,
  });
  if (!answer.ok) throw new Error(`${endpointUrl} does not tell its metrics: it answered ${answer.status}`);
  return readingOf(await answer.text());
}

async function statusesOf({ sagemaker }: Clients): Promise<Map<string, string>> {
  const { Endpoints = [] } = await sagemaker.send(new ListEndpointsCommand({ MaxResults: 100 }));
  return new Map(Endpoints.map(({ EndpointName, EndpointStatus }) => [EndpointName ?? "", EndpointStatus ?? ""]));
}
