import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { analyze } from "./analyze.ts";
import { analyzerSettings } from "./analyzer-settings.ts";
import { mergeGroundTruth } from "./merge-ground-truth.ts";

const pythonIsAbsent = !existsSync("/usr/bin/python3") && "python3 is not installed";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "analyzer-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

function read(name: string) {
  return JSON.parse(readFileSync(join(folder, name), "utf8"));
}

/** Runs with the environment of a job; answers its log. */
async function run(environment: Record<string, string>): Promise<string[]> {
  const log: string[] = [];
  const given = { dataset_source: join(folder, "data"), output_path: join(folder, "output"), ...environment };
  await analyze(analyzerSettings(given, folder), (line) => log.push(line));
  return log;
}

function capture(input: string, second: number, inferenceId?: string): string {
  const inferenceTime = `2026-11-20T10:00:${String(second).padStart(2, "0")}Z`;
  const half = (data: string, mode: string) => ({ observedContentType: "text/csv", mode, data, encoding: "CSV" });
  return `${JSON.stringify({
    captureData: { endpointInput: half(input, "INPUT"), endpointOutput: half("0.5", "OUTPUT") },
    eventMetadata: { eventId: `event-${second}`, ...(inferenceId && { inferenceId }), inferenceTime },
    eventVersion: "0",
  })}\n`;
}

const captures = '{"sagemakerCaptureJson":{"captureIndexNames":["endpointInput","endpointOutput"]}}';

test("a baseline of a table leaves statistics and constraints, and says that it completed", async () => {
  write("data/table.csv", "age,colour\n31,red\n42,blue\n53,red\n");
  const log = await run({ dataset_format: '{"csv":{"header":true}}', categorical_drift_method: "ChiSquared" });
  assert.deepEqual(readdirSync(join(folder, "output")).sort(), ["constraints.json", "message", "statistics.json"]);
  assert.equal(read("output/statistics.json").features[0].numerical_statistics.mean, 42);
  const { distribution_constraints: drift } = read("output/constraints.json").monitoring_config;
  assert.equal(drift.categorical_drift_method, "ChiSquared");
  assert.equal(log.at(-1), "Completed: Job completed successfully with no violations.");
});

test("a run of a schedule finds what differs, and leaves metrics in both of the ways in which they are read", async () => {
  const numbers = (offset: number) => Array.from({ length: 300 }, (_, i) => `${offset + (i % 50)}`).join("\n");
  write("data/table.csv", `age\n${numbers(0)}\n`);
  await run({ dataset_format: '{"csv":{"header":true}}' });
  const [statistics, constraints] = ["statistics", "constraints"].map((name) =>
    write(`baseline/${name}.json`, readFileSync(join(folder, "output", `${name}.json`), "utf8")),
  );
  write("data/table.csv", `age\n${numbers(100)}\n`);
  await run({
    dataset_format: '{"csv":{"header":true}}',
    baseline_statistics: statistics as string,
    baseline_constraints: constraints as string,
    publish_cloudwatch_metrics: "Enabled",
    sagemaker_endpoint_name: "pictures",
    sagemaker_monitoring_schedule_name: "watch",
    metric_time: "2026-11-20T10:00:00Z",
  });
  const [violation] = read("output/constraint_violations.json").violations;
  assert.deepEqual([violation.feature_name, violation.constraint_check_type], ["age", "baseline_drift_check"]);
  assert.equal(
    readFileSync(join(folder, "output/message"), "utf8"),
    "CompletedWithViolations: Job completed successfully with 1 violations.",
  );
  const metrics = readFileSync(join(folder, "output/metrics/cloudwatch"), "utf8").trim().split("\n");
  const ofValues = metrics
    .map((line) => JSON.parse(line))
    .filter(({ MetricName }) => MetricName === "feature_data_age");
  assert.deepEqual(
    ofValues.map(({ Dimensions }) => Dimensions.map(({ Name }: { Name: string }) => Name)),
    [
      ["Endpoint", "MonitoringSchedule"],
      ["Endpoint", "MonitoringSchedule", "Feature"],
    ],
  );
  assert.deepEqual(ofValues[0].StatisticValues, { Maximum: 149, Minimum: 100, Sum: 37_350, SampleCount: 300 });
  assert.equal(ofValues[0].Timestamp, "2026-11-20T10:00:00Z");
});

test("of a window that is not made of hours only the records of its seconds are read", async () => {
  write("data/10/00.jsonl", [5, 10, 20, 30].map((second) => capture("1,2", second)).join(""));
  const window = { start_time: "2026-11-20T10:00:10Z", end_time: "2026-11-20T10:00:30Z" };
  await run({ dataset_format: captures, ...window });
  assert.equal(read("output/statistics.json").dataset.item_count, 2);
});

test("excluded columns, by name and by number, are not looked at", async () => {
  write("data/table.csv", "a,b,c\n1,2,3\n");
  await run({ dataset_format: '{"csv":{"header":true}}', exclude_features_attribute: "0, c" });
  const { features } = read("output/statistics.json");
  assert.deepEqual(
    features.map(({ name }: { name: string }) => name),
    ["b"],
  );
});

test("records that cannot be read are counted and told, and data without any is an error", async () => {
  write("data/a.jsonl", `${capture("1", 1)}no json\n`);
  const log = await run({ dataset_format: captures });
  assert.match(log[0] as string, /a\.jsonl, line 2: not JSON/);
  assert.equal(log[1], "1 records could not be read");
  write("data/a.jsonl", "no json\n");
  await assert.rejects(run({ dataset_format: captures }), /has no record that can be read/);
});

test("a script of the user's own makes the rows, leaves some out, and is called when the files are written", {
  skip: pythonIsAbsent,
}, async () => {
  write("data/a.jsonl", [1, 2, 3].map((second) => capture(`${second},x`, second)).join(""));
  const before = write(
    "code/before.py",
    `def preprocess_handler(inference_record, logger):
    print("printed")
    number = int(inference_record.endpoint_input.data.split(",")[0])
    if number == 2:
        return []
    return {"number": number, "answer": inference_record.endpoint_output.data, "id": inference_record.event_metadata.event_id}
`,
  );
  const after = write(
    "code/after.py",
    `import os
def postprocess_handler():
    open("${join(folder, "after")}", "w").write(" ".join(sorted(os.listdir("${join(folder, "output")}"))))
`,
  );
  await run({ dataset_format: captures, record_preprocessor_script: before, post_analytics_processor_script: after });
  const { dataset, features } = read("output/statistics.json");
  assert.equal(dataset.item_count, 2);
  assert.deepEqual(
    features.map(({ name }: { name: string }) => name),
    ["number", "answer", "id"],
  );
  assert.equal(features[0].numerical_statistics.sum, 4);
  assert.equal(readFileSync(join(folder, "after"), "utf8"), "constraints.json statistics.json");
});

test("what a script answers may have holes, nests and the older spelling of AWS's examples", {
  skip: pythonIsAbsent,
}, async () => {
  write("data/a.jsonl", capture("1,x", 1));
  const script = write(
    "code/nan.py",
    `def preprocess_handler(inference_record):
    encoding = inference_record.event_data.endpointInput.encoding
    return [{"hole": float("nan"), "deep": {"er": [1, None]}, "encoding": encoding}, {"hole": float("inf"), "deep": 2}]
`,
  );
  await run({ dataset_format: captures, record_preprocessor_script: script });
  const { features } = read("output/statistics.json") as { features: { name: string; inferred_type: string }[] };
  assert.deepEqual(
    features.map(({ name, inferred_type }) => `${name} ${inferred_type}`),
    ["hole Unknown", "deep.er_0 Integral", "deep.er_1 Unknown", "encoding String", "deep Integral"],
  );
});

test("a script of the user's own that fails fails the job and is named", { skip: pythonIsAbsent }, async () => {
  write("data/a.jsonl", capture("1", 1));
  const script = write("code/wrong.py", "def preprocess_handler(record):\n    return 1\n");
  await assert.rejects(
    run({ dataset_format: captures, record_preprocessor_script: script }),
    /preprocess_handler of .*wrong\.py failed/,
  );
});

test("captures meet their labels by inferenceId, else by eventId, and the answers are judged by them", async () => {
  const lines = [capture("1", 1, "mine"), capture("1", 2), capture("1", 3)];
  write("captured/pictures/AllTraffic/2026/11/20/10/00.jsonl", lines.join(""));
  const label = (eventId: string, data: string) =>
    `${JSON.stringify({ groundTruthData: { data, encoding: "CSV" }, eventMetadata: { eventId }, eventVersion: "0" })}\n`;
  write("labels/2026/11/20/11/labels.jsonl", label("mine", "0.5") + label("event-2", "1.5") + label("event-1", "9"));
  const folders = { captures: join(folder, "captured"), labels: join(folder, "labels"), output: join(folder, "data") };
  const joined = await mergeGroundTruth(folders, () => undefined);
  assert.equal(joined, 2);
  assert.ok(existsSync(join(folder, "data/pictures/AllTraffic/2026/11/20/10/00.jsonl")));
  await run({
    dataset_format: '{"sagemakerMergeJson":{"captureIndexNames":["endpointOutput"]}}',
    analysis_type: "MODEL_QUALITY",
    problem_type: "Regression",
    inference_attribute: "0",
  });
  const { dataset, regression_metrics: metrics } = read("output/statistics.json");
  assert.equal(dataset.item_count, 2);
  assert.equal(metrics.mae.value, 0.5);
});

test("an environment that says too little or something unknown is refused by name", async () => {
  write("data/a.csv", "1\n");
  await assert.rejects(run({}), /the environment has no dataset_format/);
  await assert.rejects(run({ dataset_format: '{"parquet":{}}' }), /Parquet is not read/);
  await assert.rejects(
    run({ dataset_format: '{"csv":{"header":false}}', analysis_type: "MODEL_QUALITY", problem_type: "Ranking" }),
    /problem_type is "Ranking", expected one of BinaryClassification/,
  );
});
