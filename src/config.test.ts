import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { serverConfig } from "./config.ts";

test("a data folder that is named from here is meant wherever a program of the server's runs", () => {
  const { dataDirectory } = serverConfig({ dataDirectory: "data" });
  assert.equal(dataDirectory, join(process.cwd(), "data"));
});
