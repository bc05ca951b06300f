import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../../../kit/json.ts";
import { distributed, type Fields, invoke, pass, setUp } from "./testing/distributed-map.ts";

test("items are read from CSV, JSON and JSONL objects, selected and put into batches", async () => {
  const objects = {
    "a.csv": 'id,text\n1,"a ""quoted"", cell"\r\n2\n\n3,x,y\n',
    "a.jsonl": '{"id":1}\n\n{"id":2}\n',
    "a.json": '{"list":[1,2,3]}',
  };
  const read = async (Key: string, ReaderConfig: Fields, more: Fields = {}) => {
    const { run } = setUp({ objects });
    const ItemReader = {
      Resource: "arn:aws:states:::s3:getObject",
      ReaderConfig,
      Parameters: { Bucket: "b", "Key.$": "$.key" },
    };
    const { status, output, cause } = await run(distributed(pass, { ItemReader, ...more }), { key: Key, n: 2 });
    assert.equal(status, "SUCCEEDED", cause);
    return JSON.parse(output);
  };
  assert.deepEqual(await read("a.csv", { InputType: "CSV", CSVHeaderLocation: "FIRST_ROW" }), [
    { id: "1", text: 'a "quoted", cell' },
    { id: "2", text: "" },
    { id: "3", text: "x" },
  ]);
  assert.deepEqual(await read("a.jsonl", { InputType: "JSONL" }), [{ id: 1 }, { id: 2 }]);
  assert.deepEqual(await read("a.json", { InputType: "JSON", ItemsPointer: "/list", MaxItemsPath: "$.n" }), [1, 2]);
  const ItemSelector = { "value.$": "$$.Map.Item.Value", "index.$": "$$.Map.Item.Index", "n.$": "$.n" };
  assert.deepEqual(await read("a.jsonl", { InputType: "JSONL" }, { ItemSelector }), [
    { value: { id: 1 }, index: 0, n: 2 },
    { value: { id: 2 }, index: 1, n: 2 },
  ]);
  const ItemBatcher = { MaxItemsPerBatchPath: "$.n", BatchInput: { "from.$": "$.key" } };
  assert.deepEqual(await read("a.json", { InputType: "JSON", ItemsPointer: "/list" }, { ItemBatcher }), [
    { BatchInput: { from: "a.json" }, Items: [1, 2] },
    { BatchInput: { from: "a.json" }, Items: [3] },
  ]);
});

test("the objects of a bucket are items", async () => {
  const { run } = setUp({ objects: { "p/1": "x", "p/2": "yy", other: "" } });
  const ItemReader = {
    Resource: "arn:aws:states:::s3:listObjectsV2",
    Parameters: { Bucket: "b", Prefix: "p/" },
  };
  const { output } = await run(distributed(pass, { ItemReader }), {});
  assert.deepEqual(
    JSON.parse(output).map(({ Key, Size }: { Key: string; Size: number }) => [Key, Size]),
    [
      ["p/1", 1],
      ["p/2", 2],
    ],
  );
});

test("an object that is not there fails the state as a reader's failure, which it may catch", async () => {
  const ItemReader = {
    Resource: "arn:aws:states:::s3:getObject",
    ReaderConfig: { InputType: "JSON" },
    Parameters: { Bucket: "b", Key: "missing" },
  };
  const failed = await setUp().run(distributed(pass, { ItemReader }), {});
  assert.equal(failed.error, "States.ItemReaderFailed");
  assert.match(failed.cause, /The specified key does not exist/);
});

test("a ResultWriter's files hold what the children answered, and the state answers where they are", async () => {
  const objects: Record<string, string> = {};
  const functions = {
    one(event: Json) {
      if (event === 2) throw new RangeError("two");
      return event;
    },
  };
  const { run } = setUp({ objects, functions });
  const ResultWriter = {
    Resource: "arn:aws:states:::s3:putObject",
    Parameters: { Bucket: "b", Prefix: "results" },
  };
  const { status, output } = await run(distributed(invoke, { ResultWriter, ToleratedFailureCount: 1 }), [1, 2, 3]);
  assert.equal(status, "SUCCEEDED");
  const { MapRunArn, ResultWriterDetails } = JSON.parse(output);
  assert.equal(ResultWriterDetails.Bucket, "b");
  assert.match(ResultWriterDetails.Key, /^results\/[0-9a-f-]{36}\/manifest\.json$/);
  const manifest = JSON.parse(objects[ResultWriterDetails.Key] as string);
  assert.equal(manifest.MapRunArn, MapRunArn);
  const [succeeded, failed] = ["SUCCEEDED", "FAILED"].map((kind) => {
    const [{ Key, Size }] = manifest.ResultFiles[kind];
    assert.equal(Buffer.byteLength(objects[Key] as string), Size);
    return JSON.parse(objects[Key] as string);
  });
  assert.deepEqual(
    succeeded.map(({ Status, Input, Output }: Fields) => [Status, Input, Output]),
    [
      ["SUCCEEDED", "1", "1"],
      ["SUCCEEDED", "3", "3"],
    ],
  );
  assert.deepEqual([failed.length, failed[0].Error, failed[0].Status], [1, "RangeError", "FAILED"]);
});

test("the results of a run that failed say which children did not begin", async () => {
  const objects: Record<string, string> = {};
  const functions = {
    one(event: Json) {
      if (event === 2) throw new RangeError("two");
      return event;
    },
  };
  const { run } = setUp({ objects, functions });
  const ResultWriter = {
    Resource: "arn:aws:states:::s3:putObject",
    Parameters: { Bucket: "b", Prefix: "results" },
  };
  const { status } = await run(distributed(invoke, { ResultWriter, MaxConcurrency: 1 }), [1, 2, 3, 4]);
  assert.equal(status, "FAILED");
  const [key] = Object.keys(objects).filter((name) => name.endsWith("manifest.json"));
  const { ResultFiles } = JSON.parse(objects[key as string] as string);
  const inputsOf = (kind: string) =>
    JSON.parse(objects[ResultFiles[kind][0].Key] as string).map(({ Input }: Fields) => Input);
  assert.deepEqual([inputsOf("SUCCEEDED"), inputsOf("FAILED"), inputsOf("PENDING")], [["1"], ["2"], ["3", "4"]]);
});
