import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { testMonitoring } from "./testing/monitoring.ts";

const startMs = Date.UTC(2026, 0, 1);
const at = (minutes: number) => new Date(startMs + minutes * 60_000);
const latency = { Namespace: "Shop", MetricName: "Latency" };

test("values, counted values and statistic sets of one minute are one datapoint", async (context) => {
  const { call, put } = testMonitoring(context);
  await put([
    { MetricName: "Latency", Value: 1, Unit: "Seconds" },
    { MetricName: "Latency", Values: [2, 4], Counts: [3, 1], Unit: "Seconds" },
    { MetricName: "Latency", StatisticValues: { SampleCount: 2, Sum: 9, Minimum: 0.5, Maximum: 8.5 }, Unit: "Seconds" },
  ]);
  const Statistics = ["SampleCount", "Sum", "Average", "Minimum", "Maximum"];
  const { Label, Datapoints } = await call("GetMetricStatistics", { ...latency, ...hour, Period: 60, Statistics });
  assert.equal(Label, "Latency");
  assert.deepEqual(Datapoints, [
    { Timestamp: at(0), Unit: "Seconds", SampleCount: 7, Sum: 20, Average: 20 / 7, Minimum: 0.5, Maximum: 8.5 },
  ]);
});

test("periods put minutes together, and dimensions tell metrics apart", async (context) => {
  const { call, put } = testMonitoring(context);
  const Dimensions = [{ Name: "Page", Value: "cart" }];
  await put([0, 1, 5].map((minute) => ({ MetricName: "Latency", Value: minute, Timestamp: at(minute), Dimensions })));
  const read = (given: object) =>
    call("GetMetricStatistics", { ...latency, ...hour, Period: 300, Statistics: ["Sum"], ...given });
  assert.deepEqual((await read({})).Datapoints, []);
  const { Datapoints } = await read({ Dimensions });
  assert.deepEqual(
    Datapoints.map(({ Timestamp, Sum }: { Timestamp: Date; Sum: number }) => [Timestamp, Sum]),
    [
      [at(0), 1],
      [at(5), 5],
    ],
  );
});

test("high resolution data is read by the second, and by the minute as well", async (context) => {
  const { call, put } = testMonitoring(context);
  const second = (seconds: number) => new Date(startMs + seconds * 1000);
  await put([0, 5, 30].map((s) => ({ MetricName: "Latency", Value: 1, Timestamp: second(s), StorageResolution: 1 })));
  const read = async (Period: number) =>
    (
      await call("GetMetricStatistics", { ...latency, StartTime: at(0), EndTime: at(1), Period, Statistics: ["Sum"] })
    ).Datapoints.map(({ Sum }: { Sum: number }) => Sum);
  assert.deepEqual([await read(10), await read(60)], [[2, 1], [3]]);
});

test("percentiles are answered beside plain statistics", async (context) => {
  const { call, put } = testMonitoring(context);
  await put([{ MetricName: "Latency", Values: Array.from({ length: 100 }, (_, index) => index + 1) }]);
  const input = { ...latency, ...hour, Period: 3600, Statistics: ["Maximum"], ExtendedStatistics: ["p50", "p99"] };
  const [datapoint] = (await call("GetMetricStatistics", input)).Datapoints;
  assert.deepEqual([datapoint.Maximum, datapoint.ExtendedStatistics], [100, { p50: 50, p99: 99 }]);
});

test("what CloudWatch refuses to take is refused in its words, and nothing of the call is kept", async (context) => {
  const { call, put } = testMonitoring(context);
  const refused = async (datum: object, code: string, message: RegExp) =>
    assert.rejects(
      put([
        { MetricName: "Good", Value: 1 },
        { MetricName: "Bad", ...datum },
      ]),
      { code, message },
    );
  await refused({}, "MissingParameter", /MetricData\.member\.2\.Value is required/);
  await refused(
    { Value: Number.NaN },
    "InvalidParameterValue",
    /The value NaN for parameter MetricData\.member\.2\.Value/,
  );
  await refused({ Value: 1, Values: [1] }, "InvalidParameterCombination", /mutually exclusive/);
  await refused({ Values: [1, 2], Counts: [1] }, "InvalidParameterValue", /same size/);
  await refused({ Values: Array(151).fill(1) }, "InvalidParameterValue", /size greater than 150/);
  await refused({ Value: 1, StorageResolution: 5 }, "InvalidParameterValue", /StorageResolution/);
  await refused({ Value: 1, Timestamp: at(-30_000) }, "InvalidParameterValue", /two weeks in the past/);
  await refused({ Value: 1, Timestamp: at(180) }, "InvalidParameterValue", /two hours in the future/);
  await assert.rejects(put(Array(1001).fill({ MetricName: "x", Value: 1 })), /size greater than 1000/);
  assert.deepEqual((await call("ListMetrics", {})).Metrics, []);
});

test("no more metrics are made than are kept, while those that exist go on", async (context) => {
  const { put } = testMonitoring(context);
  await put(Array.from({ length: 50 }, (_, index) => ({ MetricName: `m${index}`, Value: 1 })));
  await assert.rejects(put([{ MetricName: "one more", Value: 1 }]), { code: "LimitExceeded" });
  await put([{ MetricName: "m1", Value: 1 }]);
});

test("metrics are listed by name, by dimension and by how new they are", async (context) => {
  const { call, put, clock } = testMonitoring(context);
  await put([{ MetricName: "Old", Value: 1, Dimensions: [{ Name: "Page", Value: "cart" }] }]);
  await clock.advance(4 * 3_600_000);
  await put([{ MetricName: "New", Value: 1, Dimensions: [{ Name: "Page", Value: "home" }] }]);
  const names = async (input: object) =>
    (await call("ListMetrics", input)).Metrics.map(({ MetricName }: { MetricName: string }) => MetricName);
  assert.deepEqual(await names({ Namespace: "Shop" }), ["New", "Old"]);
  assert.deepEqual(await names({ Dimensions: [{ Name: "Page", Value: "cart" }] }), ["Old"]);
  assert.deepEqual(await names({ Dimensions: [{ Name: "Page" }] }), ["New", "Old"]);
  assert.deepEqual(await names({ RecentlyActive: "PT3H" }), ["New"]);
  assert.deepEqual(await names({ Namespace: "Other" }), []);
});

test("math works over metrics of the request, in the order that is asked for", async (context) => {
  const { data } = await twoMetrics(context);
  const results = await data([
    { Id: "rate", Expression: "100 * errors / calls", Label: "Error rate" },
    { Id: "all", Expression: "SUM(METRICS())" },
    { Id: "filled", Expression: "FILL(errors, 0)" },
    { Id: "repeated", Expression: "FILL(errors, REPEAT)" },
    { Id: "above", Expression: "IF(calls > 15 AND errors, 1, 0)" },
    { Id: "share", Expression: "calls / SUM(calls)" },
  ]);
  assert.deepEqual(results, [
    ["rate", "Error rate", [10, 20]],
    ["all", "all", [30, 22, 12]],
    ["filled", "filled", [0, 0, 2, 2]],
    ["repeated", "repeated", [2, 2, 2, 2]],
    ["above", "above", [1, 0]],
    ["share", "share", [30 / 60, 20 / 60, 10 / 60]],
  ]);
});

test("math beyond what is there is refused by name", async (context) => {
  const { data } = await twoMetrics(context);
  const refused = (Expression: string, message: RegExp) =>
    assert.rejects(data([{ Id: "e", Expression }]), { code: "ValidationError", message });
  await refused("ANOMALY_DETECTION_BAND(calls)", /ANOMALY_DETECTION_BAND is not supported/);
  await refused("SELECT AVG(x) FROM y", /Metrics Insights/);
  await refused("calls +", /Syntax error/);
  await refused("nobody * 2", /Unknown reference: 'nobody'/);
  await refused("e * 2", /refers to itself/);
  await refused("REPEAT", /Unknown reference: 'REPEAT'/);
  await refused("SUM(calls)", /TIME_SERIES/);
  await refused(`${"(".repeat(80)}calls${")".repeat(80)}`, /nested too deeply/);
});

test("datapoints come in pages that cut through the results", async (context) => {
  const { call, queries } = await twoMetrics(context);
  const read = (NextToken?: string) =>
    call("GetMetricData", { ...hour, MetricDataQueries: queries(true), MaxDatapoints: 3, NextToken });
  const first = await read();
  const second = await read(first.NextToken);
  const shown = ({
    MetricDataResults,
  }: {
    MetricDataResults: { Id: string; Values: number[]; StatusCode: string }[];
  }) => MetricDataResults.map(({ Id, Values, StatusCode }) => [Id, Values, StatusCode]);
  assert.deepEqual(shown(first), [["calls", [30, 20, 10], "Complete"]]);
  assert.deepEqual(shown(second), [["errors", [2, 2], "Complete"]]);
  assert.equal(second.NextToken, undefined);
  await assert.rejects(read("nonsense"), { code: "InvalidNextToken" });
});

test("what services record is read at once, and old points are dropped", async (context) => {
  const { call, metrics, clock } = testMonitoring(context);
  metrics.record({ namespace: "Shop", name: "Latency", dimensions: {}, unit: "Count" }, 3);
  const read = () => call("GetMetricStatistics", { ...latency, ...hour, Period: 60, Statistics: ["Sum"] });
  assert.equal((await read()).Datapoints[0].Sum, 3);
  await clock.advance(15 * 86_400_000 + 1_200_000);
  assert.deepEqual((await read()).Datapoints, []);
  assert.deepEqual((await call("ListMetrics", {})).Metrics, []);
});

const hour = { StartTime: at(0), EndTime: at(60) };

async function twoMetrics(context: TestContext) {
  const { call, put } = testMonitoring(context);
  await put([
    ...[30, 20, 10].map((Value, index) => ({ MetricName: "Calls", Value, Timestamp: at(2 - index) })),
    ...[2, 2].map((Value, index) => ({ MetricName: "Errors", Value, Timestamp: at(1 - index) })),
  ]);
  const queries = (ReturnData: boolean) =>
    ["Calls", "Errors"].map((MetricName) => {
      const MetricStat = { Metric: { Namespace: "Shop", MetricName }, Period: 60, Stat: "Sum" };
      return { Id: MetricName.toLowerCase(), MetricStat, ReturnData };
    });
  const data = async (expressions: object[]) => {
    const input = { StartTime: at(0), EndTime: at(4), MetricDataQueries: [...queries(false), ...expressions] };
    const { MetricDataResults } = await call("GetMetricData", input);
    return MetricDataResults.map(({ Id, Label, Values }: { Id: string; Label: string; Values: number[] }) => [
      Id,
      Label,
      Values,
    ]);
  };
  return { call, data, queries };
}
