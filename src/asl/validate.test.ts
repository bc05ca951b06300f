import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "../kit/fault.ts";
import type { Json } from "../kit/json.ts";
import { compile } from "./compile.ts";
import { validate } from "./validate.ts";

const invoke = "arn:aws:states:::lambda:invoke";

function findings(definition: Json | string, type: "STANDARD" | "EXPRESS" = "STANDARD"): string[] {
  return validate(definition, { type }).map(
    ({ code, message, location }) => `${code}: ${message}${location === undefined ? "" : ` at ${location}`}`,
  );
}

const machineOf = (state: { [name: string]: Json }, more: { [name: string]: Json } = {}): Json => ({
  ...more,
  StartAt: "S",
  States: { S: state },
});
const schema = (text: string) => [`SCHEMA_VALIDATION_FAILED: ${text}`];

const known: Record<string, { definition: Json; type?: "EXPRESS"; expect: string[] }> = {
  "a machine without anything": { definition: {}, expect: schema("These fields are required: [States, StartAt] at /") },
  "a machine without states": {
    definition: { StartAt: "A" },
    expect: schema("These fields are required: [States] at /"),
  },
  "an unknown type": {
    definition: machineOf({ Type: "Foo", End: true }),
    expect: schema(
      "The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map] at /States/S/Type",
    ),
  },
  "credentials without a role": {
    definition: machineOf({ Type: "Task", Resource: invoke, Credentials: {}, End: true }),
    expect: schema("The field 'RoleArn' is required but was missing at /States/S/Credentials"),
  },
  "JSONPath inside of JSONata": {
    definition: machineOf({ Type: "Pass", QueryLanguage: "JSONPath", End: true }, { QueryLanguage: "JSONata" }),
    expect: schema("'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine at /States/S"),
  },
  "a timestamp without T": {
    definition: machineOf({ Type: "Wait", Timestamp: "2016-12-05 21:29:29Z", End: true }),
    expect: schema("String does not match RFC3339 timestamp at /States/S/Timestamp"),
  },
  "a path that is none": {
    definition: machineOf({ Type: "Pass", Parameters: { "parsed.$": "nope" }, End: true }),
    expect: schema(
      "The value for the field 'parsed.$' must be a valid JSONPath or a valid intrinsic function call at /States/S/Parameters",
    ),
  },
  "an intrinsic that does not exist": {
    definition: machineOf({ Type: "Pass", Parameters: { deep: [{ "v.$": "States.Nope($)" }] }, End: true }),
    expect: schema(
      "The value for the field 'v.$' must be a valid JSONPath or a valid intrinsic function call at /States/S/Parameters",
    ),
  },
  "a Parallel without branches": {
    definition: machineOf({ Type: "Parallel", Branches: [], End: true }),
    expect: schema("Value cannot be empty at /States/S/Branches"),
  },
  "a resource nobody knows": {
    definition: machineOf({ Type: "Task", Resource: "arn:aws:s3:::bucket", End: true }),
    expect: schema(
      "The resource provided ARN is not recognized. The value is not a valid resource ARN, or the resource is not available in this region. at /States/S/Resource",
    ),
  },
  "a job run in an express machine": {
    definition: machineOf({ Type: "Task", Resource: "arn:aws:states:::states:startExecution.sync:2", End: true }),
    type: "EXPRESS",
    expect: schema("Express state machine does not support '.sync' service integration at /States/S/Resource"),
  },
  "a callback in an express machine": {
    definition: machineOf({ Type: "Task", Resource: "arn:aws:states:::sqs:sendMessage.waitForTaskToken", End: true }),
    type: "EXPRESS",
    expect: schema(
      "Express state machine does not support '.waitForTaskToken' service integration  at /States/S/Resource",
    ),
  },
  "an activity in an express machine": {
    definition: machineOf({ Type: "Task", Resource: "arn:aws:states:us-east-1:123456789012:activity:a", End: true }),
    type: "EXPRESS",
    expect: schema("Express state machine does not support Activity ARN at /States/S/Resource"),
  },
  "a transition to nowhere": {
    definition: machineOf({ Type: "Pass", Next: "Gone" }),
    expect: ["MISSING_TRANSITION_TARGET: Missing 'Next' target: Gone at /States/S/Next"],
  },
  "a catcher that leads nowhere": {
    definition: machineOf({ Type: "Task", Resource: invoke, Catch: [{ ErrorEquals: ["E"], Next: "Gone" }], End: true }),
    expect: ["MISSING_TRANSITION_TARGET: Missing 'Next' target: Gone at /States/S/Catch[0]/Next"],
  },
  "a state nobody reaches": {
    definition: { StartAt: "A", States: { A: { Type: "Succeed" }, B: { Type: "Succeed" } } },
    expect: ['MISSING_TRANSITION_TARGET: State "B" is not reachable. at /States/B'],
  },
  "an unknown field, by its name": {
    definition: machineOf({ Type: "Pass", Resullt: 1, End: true }),
    expect: schema(
      "Field 'Resullt' is not supported by a Pass state of the query language JSONPath at /States/S/Resullt",
    ),
  },
  "a JSONata field in a JSONPath state": {
    definition: machineOf({ Type: "Pass", Output: 1, End: true }),
    expect: schema(
      "Field 'Output' is not supported by a Pass state of the query language JSONPath at /States/S/Output",
    ),
  },
  "an unknown operator, by its name": {
    definition: {
      StartAt: "C",
      States: {
        C: { Type: "Choice", Choices: [{ Variable: "$.a", NumericRoughly: 1, Next: "S" }] },
        S: { Type: "Succeed" },
      },
    },
    expect: [
      "SCHEMA_VALIDATION_FAILED: Field 'NumericRoughly' is not supported at /States/C/Choices[0]/NumericRoughly",
      "SCHEMA_VALIDATION_FAILED: Exactly one comparison operator is required at /States/C/Choices[0]",
    ],
  },
  "an expression that does not parse": {
    definition: machineOf({ Type: "Pass", Output: { a: "{% 1 + %}" }, End: true }, { QueryLanguage: "JSONata" }),
    expect: schema("The JSONata expression in the field 'Output' is not valid at /States/S/Output"),
  },
  "what JSONata learned after 2.0": {
    definition: machineOf({ Type: "Pass", Output: "{% $a ?? 1 %}", End: true }, { QueryLanguage: "JSONata" }),
    expect: schema("The JSONata expression in the field 'Output' is not valid at /States/S/Output"),
  },
  "a state without a way on": {
    definition: machineOf({ Type: "Pass" }),
    expect: schema("One of the fields [Next, End] is required at /States/S"),
  },
  "States.ALL beside another name": {
    definition: machineOf({ Type: "Task", Resource: invoke, Retry: [{ ErrorEquals: ["States.ALL", "E"] }], End: true }),
    expect: schema("States.ALL must appear alone in ErrorEquals at /States/S/Retry[0]/ErrorEquals"),
  },
  "a label with a blank": {
    definition: machineOf({
      Type: "Map",
      Label: "a b",
      ItemProcessor: {
        ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType: "STANDARD" },
        StartAt: "P",
        States: { P: { Type: "Succeed" } },
      },
      End: true,
    }),
    expect: schema("Label contains invalid character: ' ' at /States/S/Label"),
  },
  "a mistake inside of a processor": {
    definition: machineOf({ Type: "Map", ItemProcessor: { StartAt: "P", States: { P: { Type: "Nope" } } }, End: true }),
    expect: schema(
      "The field 'Type' should have one of these values: [Task, Wait, Pass, Succeed, Fail, Choice, Parallel, Map] at /States/S/ItemProcessor/States/P/Type",
    ),
  },
};

for (const [what, { definition, type, expect }] of Object.entries(known)) {
  test(`${what} is refused in AWS's words`, () => assert.deepEqual(findings(definition, type), expect));
}

test("text that is no JSON is told in the words of AWS's parser", () => {
  assert.deepEqual(validate("not a definition"), [
    {
      severity: "ERROR",
      code: "INVALID_JSON_DESCRIPTION",
      message:
        "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')\n at [Source: (String)\"not a definition\"; line: 1, column: 4]",
      location: '[Source: (String)"not a definition"; line: 1, column: 4]',
    },
  ]);
  assert.deepEqual(validate(" "), [
    { severity: "ERROR", code: "SCHEMA_VALIDATION_FAILED", message: "Definition must be a valid JSON object" },
  ]);
});

test("a refused definition cannot be compiled", () => {
  assert.throws(
    () => compile(machineOf({ Type: "Pass", Next: "Gone" })),
    (error) =>
      error instanceof Fault &&
      error.code === "InvalidDefinition" &&
      error.message ===
        "Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: Gone at /States/S/Next'",
  );
});

test("no value of a definition makes the validator itself fail", () => {
  const odd: Json[] = [null, true, 0, -1, "", "x", [], [null], {}, { a: null }];
  const fields = [
    "Type",
    "Next",
    "End",
    "Resource",
    "Parameters",
    "ResultPath",
    "InputPath",
    "Retry",
    "Catch",
    "Choices",
    "Branches",
    "ItemProcessor",
    "Iterator",
    "Seconds",
    "Timestamp",
    "TimeoutSeconds",
    "QueryLanguage",
    "Assign",
    "Credentials",
    "Label",
    "MaxConcurrency",
    "ItemReader",
    "ErrorPath",
    "ItemsPath",
    "Comment",
  ];
  let seen = 0;
  for (const type of ["Task", "Pass", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map"]) {
    for (const field of fields) {
      for (const value of odd) {
        validate(machineOf({ Type: type, [field]: value }));
        validate(machineOf({ Type: type, [field]: value }, { QueryLanguage: "JSONata" }));
        validate(machineOf({ Type: type, [field]: [value, { [field]: value }] }));
        seen++;
      }
    }
  }
  assert.ok(seen >= 2_000);
});
