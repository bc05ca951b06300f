import { Fault } from "../../../../kit/fault.ts";
import type { Json } from "../../../../kit/json.ts";
import { setUpService } from "../../testing/service.ts";

export type Fields = { [name: string]: Json };

const role = "arn:aws:iam::111111111111:role/sfn-role";
/** An item processor that answers its item. */
export const pass: Fields = { StartAt: "one", States: { one: { Type: "Pass", End: true } } };
/** An item processor that asks the function "one". */
export const invoke: Fields = {
  StartAt: "one",
  States: {
    one: {
      Type: "Task",
      Resource: "arn:aws:states:::lambda:invoke",
      Parameters: { FunctionName: "one", "Payload.$": "$" },
      OutputPath: "$.Payload",
      End: true,
    },
  },
};
export const machineArn = "arn:aws:states:us-east-1:111111111111:stateMachine:machine";

/** A machine of one distributed Map. */
export function distributed(processor: Fields, more: Fields = {}, config: Fields = {}): Fields {
  const ItemProcessor = { ...processor, ProcessorConfig: { Mode: "DISTRIBUTED", ...config } };
  return { StartAt: "all", States: { all: { Type: "Map", ItemProcessor, ...more, End: true } } };
}

/** The states service over functions and objects in memory, with a clock that is driven. */
export function setUp({
  functions,
  objects = {},
}: {
  functions?: Record<string, (event: Json) => Json | Promise<Json>>;
  objects?: Record<string, string>;
} = {}) {
  const service = setUpService({
    functions,
    operations: {
      "s3.GetObject": ({ Key, Range }) => {
        const body = objects[String(Key)];
        if (body === undefined) throw new Fault("NoSuchKey", "The specified key does not exist.", { status: 404 });
        // Small pieces, whatever was asked for: an object is read to its end.
        const first = Number(/^bytes=(\d+)-/.exec(String(Range))?.[1]);
        const Body = Buffer.from(body).subarray(first, first + 7);
        return {
          Body,
          ETag: "e",
          ContentRange: `bytes ${first}-${first + Body.length - 1}/${Buffer.byteLength(body)}`,
        };
      },
      "s3.PutObject": ({ Key, Body }) => {
        objects[String(Key)] = String(Body);
        return {};
      },
      "s3.ListObjectsV2": ({ Prefix, ContinuationToken }) => {
        const keys = Object.keys(objects).filter((key) => key.startsWith(String(Prefix)));
        const at = ContinuationToken === undefined ? 0 : Number(ContinuationToken);
        const Contents = keys
          .slice(at, at + 1)
          .map((Key) => ({ Key, Size: (objects[Key] as string).length, ETag: "e", LastModified: new Date(0) }));
        return { Contents, NextContinuationToken: at + 1 < keys.length ? String(at + 1) : undefined };
      },
    },
  });
  const { call, clock } = service;
  const start = async (definition: Fields, input: Json): Promise<string> => {
    const text = JSON.stringify(definition);
    await call("CreateStateMachine", { name: "machine", definition: text, roleArn: role });
    const { executionArn } = await call("StartExecution", {
      stateMachineArn: machineArn,
      input: JSON.stringify(input),
    });
    return executionArn;
  };
  const run = async (definition: Fields, input: Json) => {
    const executionArn = await start(definition, input);
    for (let i = 0; i < 50; i++) {
      const description = await call("DescribeExecution", { executionArn });
      if (description.status !== "RUNNING") return description;
      await clock.advance(10);
    }
    throw new Error(`it still runs: ${service.errors.join(", ")}`);
  };
  return { ...service, start, run };
}
