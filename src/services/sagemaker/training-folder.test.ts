import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { memoryBlobs } from "../../serve/testing/world.ts";
import { downloadChannels } from "./training-folder.ts";

test("data of many files come without a warning on the server's terminal", async () => {
  const folder = mkdtempSync(join(tmpdir(), "training-folder-"));
  const blobs = memoryBlobs();
  for (let i = 0; i < 64; i++) await blobs.put(`data/train/${i}.png`, "a picture");
  const warnings: string[] = [];
  const listen = (warning: Error) => warnings.push(warning.message);
  process.on("warning", listen);
  const request = {
    InputDataConfig: [
      { ChannelName: "train", DataSource: { S3DataSource: { S3DataType: "S3Prefix", S3Uri: "s3://data/train" } } },
    ],
  };
  await downloadChannels(
    folder,
    request as Parameters<typeof downloadChannels>[1],
    blobs,
    new AbortController().signal,
  );
  await delay(10); // warnings come a tick later
  process.off("warning", listen);
  const names = readdirSync(join(folder, "input", "data", "train"));
  rmSync(folder, { recursive: true });
  assert.equal(names.length, 64);
  assert.deepEqual(warnings, []);
});
