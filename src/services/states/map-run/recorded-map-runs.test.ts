import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Json } from "../../../kit/json.ts";
import { setUpService } from "../testing/service.ts";

/* Executions with distributed Map states as recorded on AWS: the items are really read, and the children really run. */

interface RecordedExecution {
  id: string;
  kind: string;
  definition: Json;
  inputRaw: string | null;
  needs: string[];
  setup: { service: string; op: string; args: { [name: string]: Json } }[];
  expect: { status: string; output?: Json; error?: string; cause?: string; eventTypes?: string[] };
}

const folder = join(
  process.env["SCONES_SHARED"] ?? join(import.meta.dirname, "..", "..", "..", "..", "..", "shared"),
  "data",
  "asl-cases",
);
const skip = existsSync(folder) ? false : `there are no recorded cases in ${folder}`;
const areas = ["scenarios__base_scenarios.json", "assign__assign_reference_variables.json"];

test("distributed Map states end as AWS ended them, with the same events", { skip }, async () => {
  const cases = areas
    .flatMap((area) => JSON.parse(readFileSync(join(folder, area), "utf8")) as RecordedExecution[])
    .filter(({ kind, definition, needs }) => {
      const isDistributed = JSON.stringify(definition ?? "").includes('"DISTRIBUTED"');
      return kind === "execution" && isDistributed && needs.every((need) => need === "s3");
    });
  assert.ok(cases.length >= 15, `only ${cases.length} cases were seen`);
  for (const recorded of cases) {
    const { description, events } = await rerun(recorded);
    const { status, output, error, cause, eventTypes } = recorded.expect;
    const name = recorded.id.split("::").at(-1);
    assert.deepEqual(
      { status: description.status, error: description.error, cause: description.cause },
      { status, error: error ?? undefined, cause: cause ?? undefined },
      name,
    );
    if (status === "SUCCEEDED") assert.deepEqual(JSON.parse(description.output), parsed(output ?? null), name);
    if (eventTypes !== undefined) {
      assert.deepEqual(
        events.map(({ type }: { type: string }) => type),
        eventTypes,
        name,
      );
    }
  }
});

async function rerun(recorded: RecordedExecution) {
  const put = recorded.setup.filter(({ op }) => op === "put_object").map(({ args }) => args);
  const { call, clock, close, errors } = setUpService({
    operations: {
      "s3.GetObject": ({ Key }) => ({ Body: put.find((object) => object["Key"] === Key)?.["Body"] }),
    },
  });
  try {
    const { stateMachineArn } = await call("CreateStateMachine", {
      name: "machine",
      definition: JSON.stringify(recorded.definition),
      roleArn: "arn:aws:iam::111111111111:role/sfn-role",
    });
    const input = recorded.inputRaw ?? undefined;
    const { executionArn } = await call("StartExecution", { stateMachineArn, input });
    for (let i = 0; i < 20; i++) await clock.advance(1_000);
    const description = await call("DescribeExecution", { executionArn });
    assert.deepEqual(errors, []);
    return { description, events: (await call("GetExecutionHistory", { executionArn })).events };
  } finally {
    await close();
  }
}

/** The recorder parsed texts that begin with `{`, others not. */
function parsed(value: Json): Json {
  return typeof value === "string" ? (JSON.parse(value) as Json) : value;
}
