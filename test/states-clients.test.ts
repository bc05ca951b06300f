// Every operation of Step Functions, called by every client we can get hold of.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import * as sfn from "@aws-sdk/client-sfn";
import { program, projectFolder, type Server, startServer } from "./server.ts";
import { type ScenarioStep, statesScenario } from "./states-scenario.ts";

const operations = Object.keys(
  (JSON.parse(readFileSync(join(projectFolder, "src/wire/models/states.json"), "utf8")) as { operations: object })
    .operations,
).sort();
interface Played {
  version: string;
  known: string[];
  called: string[];
  answers: { operation: string; answer: Record<string, unknown> }[];
}

describe("every operation of Step Functions", () => {
  let server: Server;
  before(async () => {
    server = await startServer();
  });
  after(() => server?.stop());

  test("there are 37", () => assert.equal(operations.length, 37));

  test("a state machine may call every operation that COMPATIBILITY.md lists", async () => {
    const resources = listedOperations().map(
      ([service, operation]) => `arn:aws:states:::aws-sdk:${service}:${operation}`,
    );
    assert.ok(resources.length > 180, `only ${resources.length} operations are listed`);
    const tasks = resources.map((Resource, i) => [`T${i}`, { Type: "Task", Resource, Next: `T${i + 1}` }] as const);
    const States = { ...Object.fromEntries(tasks), [`T${resources.length}`]: { Type: "Succeed" } };
    const client = new sfn.SFNClient(server.aws);
    const definition = JSON.stringify({ StartAt: "T0", States });
    const { diagnostics } = await client.send(new sfn.ValidateStateMachineDefinitionCommand({ definition }));
    assert.deepEqual(diagnostics, []);
  });

  test("AWS SDK v3 calls them all", async () => {
    const played = await playWithSdk(server, statesScenario("sdk"));
    assert.deepEqual(played.called, operations);
    assertPlayed(played);
  });

  for (const [client, python] of [
    ["boto3", "python3"],
    ["boto3", "/usr/bin/python3"],
    ["aws", "python3"],
    ["aws", "/usr/bin/python3"],
  ] as const) {
    const module = client === "boto3" ? "boto3" : "awscli.clidriver";
    const isThere = spawnSync(python, ["-c", `import ${module}`]).status === 0;
    test(`${client} of ${python} calls all that it knows`, {
      skip: !isThere && `${python} has no ${module}`,
    }, async (context) => {
      const name = `${client}-${python.replaceAll("/", "")}`;
      const played = await playWithPython(server, { client, python, steps: statesScenario(name) });
      context.diagnostic(`botocore ${played.version} knows ${played.known.length} of ${operations.length} operations`);
      assert.deepEqual(played.called, played.known);
      assert.deepEqual(
        played.known.filter((operation) => !operations.includes(operation)),
        [],
      );
      assertPlayed(played);
    });
  }
});

/** What must be so whichever client asked. */
function assertPlayed({ answers }: Played): void {
  const answersOf = (operation: string) =>
    answers.filter((one) => one.operation === operation).map(({ answer }) => answer);
  assert.equal(answersOf("DescribeExecution")[0]?.["output"], '"taken"');
  assert.deepEqual(
    answersOf("ListExecutions").map(({ items }) => items),
    [3, undefined, 3],
  );
  assert.ok(Number(answersOf("GetExecutionHistory")[0]?.["pages"]) > 5);
  assert.equal(answersOf("StartSyncExecution")[0]?.["output"], '{"twice":[21,21]}');
  assert.ok(Number(answersOf("ListStateMachines")[0]?.["items"]) >= 3);
}

/** Services and operations as `aws-sdk:` names them. */
function listedOperations(): (readonly [service: string, operation: string])[] {
  const names: Record<string, string> = {
    "application-autoscaling": "applicationautoscaling",
    events: "eventbridge",
    logs: "cloudwatchlogs",
    monitoring: "cloudwatch",
    "sagemaker-runtime": "sagemakerruntime",
    states: "sfn",
  };
  const document = readFileSync(join(projectFolder, "COMPATIBILITY.md"), "utf8");
  const sections = [...document.matchAll(/^### (\S+): .*\n\nyes: (.*)$/gm)].map(([, service = "", yes = ""]) => ({
    service,
    yes,
  }));
  return sections.flatMap(({ service, yes }) =>
    yes
      .split(", ")
      .filter((operation) => operation !== "none")
      .map((operation) => [names[service] ?? service, operation.charAt(0).toLowerCase() + operation.slice(1)] as const),
  );
}

async function playWithPython(
  server: Server,
  { client, python, steps }: { client: string; python: string; steps: ScenarioStep[] },
): Promise<Played> {
  const script = join(projectFolder, "test", "clients", "states_scenario.py");
  // The two ways that COMPATIBILITY.md names: told where to go, and run by Scones.
  const command =
    client === "boto3"
      ? [python, script, client, server.url]
      : [process.execPath, program, "run", "--endpoint", server.url, "--", python, script, client];
  const child = spawn(command[0] as string, command.slice(1), { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(JSON.stringify(steps));
  const printed = await text(child.stdout);
  assert.notEqual(printed, "", `${client} of ${python} failed; what it said is above`);
  return JSON.parse(printed) as Played;
}

/** Commands and paginators by the names that SDK v3 gives them. */
const commands = sfn as unknown as Record<string, new (input: object) => Parameters<sfn.SFNClient["send"]>[0]>;
const paginators = sfn as unknown as Record<
  string,
  (config: { client: sfn.SFNClient; pageSize: number }, input: object) => AsyncIterable<Record<string, unknown[]>>
>;

async function playWithSdk(server: Server, steps: ScenarioStep[]): Promise<Played> {
  const client = new sfn.SFNClient({ ...server.aws, disableHostPrefix: true, maxAttempts: 1 });
  const saved: Record<string, unknown> = {};
  const called = new Set<string>();
  const answers: Played["answers"] = [];
  for (const step of steps) {
    const { operation } = step;
    called.add(operation);
    const answer = await perform(client, step, filled(step.input, saved) as object);
    for (const [name, path] of Object.entries(step.save ?? {})) saved[name] = at(answer, path);
    answers.push({ operation, answer });
  }
  return { version: "", known: operations, called: [...called].sort(), answers };
}

async function perform(client: sfn.SFNClient, step: ScenarioStep, input: object): Promise<Record<string, unknown>> {
  const { operation, pages, until } = step;
  const paginate = paginators[`paginate${operation}`];
  if (pages !== undefined && paginate !== undefined) {
    const read = { pages: 0, items: 0 };
    for await (const page of paginate({ client, pageSize: 1 }, input)) {
      read.pages += 1;
      read.items += page[pages]?.length ?? 0;
    }
    return read;
  }
  const Command = commands[`${operation}Command`] as (typeof commands)[string];
  for (let attempt = 0; attempt < 200; attempt++) {
    const answer = (await client.send(new Command(input))) as unknown as Record<string, unknown>;
    const value = until === undefined ? undefined : at(answer, until[0]);
    if (until === undefined || String(value) === until[1] || (until[1] === "*" && value !== undefined)) return answer;
    await sleep(50);
  }
  throw new Error(`${operation} never had ${until?.join(" = ")}`);
}

function at(answer: unknown, path: string): unknown {
  return path.split(".").reduce((value, part) => (value as Record<string, unknown> | undefined)?.[part], answer);
}

/** The input with what was saved, and JSON where it is meant as text. */
function filled(value: unknown, saved: Record<string, unknown>): unknown {
  if (typeof value === "string") return value.startsWith("$") ? (saved[value.slice(1)] ?? value) : value;
  if (Array.isArray(value)) return value.map((one) => filled(one, saved));
  if (value === null || typeof value !== "object") return value;
  const members = Object.entries(value).map(([name, one]) => [name, filled(one, saved)] as const);
  return members[0]?.[0] === "json" ? JSON.stringify(members[0][1]) : Object.fromEntries(members);
}
