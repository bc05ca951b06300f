import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "../../kit/fault.ts";
import type { Models } from "../../ports/models.ts";
import type { Operations } from "../../ports/operations.ts";
import { aliasAttribute, aliasedModels } from "./endpoint-alias.ts";

const request = { body: Buffer.from("picture"), contentType: "image/png" };

test("an endpoint that does not exist is answered for, and both the answer and the log say so once", async () => {
  const { models, reports } = aliased(["birds"]);
  const answer = await models.invoke("deleted-long-ago", request);
  await models.invoke("deleted-long-ago", request);
  assert.deepEqual(
    [Buffer.from(answer.body).toString(), answer.customAttributes],
    ["birds", `${aliasAttribute}=birds`],
  );
  assert.deepEqual(reports, ["there is no endpoint deleted-long-ago: birds answers for it"]);
});

test("an endpoint that exists answers for itself, also with its errors", async () => {
  const { models } = aliased(["birds", "cats"]);
  assert.equal((await models.invoke("cats", request)).customAttributes, undefined);
  await assert.rejects(models.invoke("cats", { ...request, targetVariant: "none" }), { message: "no such variant" });
});

test("an alias that does not exist itself is refused by its own name", async () => {
  const { models } = aliased([]);
  await assert.rejects(models.invoke("dogs", request), { message: "Endpoint birds not found." });
});

function aliased(existing: string[]) {
  const reports: string[] = [];
  const invoke: Models["invoke"] = async (name, { targetVariant }) => {
    if (!existing.includes(name)) throw new Fault("ValidationError", `Endpoint ${name} not found.`);
    if (targetVariant !== undefined) throw new Fault("ValidationError", "no such variant");
    return { body: Buffer.from(name), contentType: "text/plain", variantName: "AllTraffic" };
  };
  const operations: Operations = {
    has: () => true,
    async call(_service, _operation, input) {
      const { EndpointName } = input as { EndpointName: string };
      if (!existing.includes(EndpointName)) throw new Fault("ValidationException", `Could not find ${EndpointName}`);
      return { output: {}, requestId: "" };
    },
  };
  const report = (text: string) => void reports.push(text);
  return { models: aliasedModels({ models: { invoke }, operations, alias: "birds", report }), reports };
}
