/* Calls of every operation of Step Functions, in an order that makes sense, as data: every client is told the same. */

export interface ScenarioStep {
  operation: string;
  /** `$name` stands for what an earlier step saved. */
  input: object;
  /** Name -> where in the answer, such as `mapRuns.0.mapRunArn`. */
  save?: Record<string, string>;
  /** Asked again until the member of this path has this value; `*` means any. */
  until?: [path: string, value: string];
  /** The member that holds the items of a page: read page by page, one item each. */
  pages?: string;
  /** An operation that a client must know for this step to make sense. */
  needs?: string;
}

/** `name` makes the names of what is created different from those of other clients of the same server. */
export function statesScenario(name: string): ScenarioStep[] {
  const roleArn = "arn:aws:iam::000000000000:role/states";
  const ask = { Type: "Task", Resource: "$activity", HeartbeatSeconds: 60, End: true };
  const asking = (comment: string) => ({ Comment: comment, StartAt: "Ask", States: { Ask: ask } });
  const doubling = {
    StartAt: "Double",
    States: { Double: { Type: "Pass", Parameters: { "twice.$": "States.Array($, $)" }, End: true } },
  };
  const patient = { StartAt: "Wait", States: { Wait: { Type: "Wait", Seconds: 600, End: true } } };
  const processor = { ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType: "STANDARD" }, ...patient };
  const fanOut = { StartAt: "Each", States: { Each: { Type: "Map", ItemProcessor: processor, End: true } } };
  const takeTask: ScenarioStep = {
    operation: "GetActivityTask",
    input: { activityArn: "$activity", workerName: "worker" },
    save: { token: "taskToken" },
  };
  return [
    { operation: "CreateActivity", input: { name }, save: { activity: "activityArn" } },
    { operation: "DescribeActivity", input: { activityArn: "$activity" } },
    { operation: "ValidateStateMachineDefinition", input: { definition: { json: asking("first") } } },
    {
      operation: "CreateStateMachine",
      input: { name: `${name}-ask`, definition: { json: asking("first") }, roleArn },
      save: { machine: "stateMachineArn" },
    },
    { operation: "DescribeStateMachine", input: { stateMachineArn: "$machine" } },

    {
      operation: "StartExecution",
      input: { stateMachineArn: "$machine", input: '{"n":1}' },
      save: { first: "executionArn" },
    },
    takeTask,
    { operation: "SendTaskHeartbeat", input: { taskToken: "$token" } },
    { operation: "SendTaskSuccess", input: { taskToken: "$token", output: '"taken"' } },
    { operation: "DescribeExecution", input: { executionArn: "$first" }, until: ["status", "SUCCEEDED"] },

    { operation: "StartExecution", input: { stateMachineArn: "$machine" }, save: { second: "executionArn" } },
    takeTask,
    { operation: "SendTaskFailure", input: { taskToken: "$token", error: "Broken", cause: "on purpose" } },
    { operation: "DescribeExecution", input: { executionArn: "$second" }, until: ["status", "FAILED"] },
    { operation: "RedriveExecution", input: { executionArn: "$second" } },
    { ...takeTask, needs: "RedriveExecution" },
    { operation: "SendTaskSuccess", input: { taskToken: "$token", output: "2" }, needs: "RedriveExecution" },
    {
      operation: "DescribeExecution",
      input: { executionArn: "$second" },
      needs: "RedriveExecution",
      until: ["status", "SUCCEEDED"],
    },

    { operation: "StartExecution", input: { stateMachineArn: "$machine" }, save: { third: "executionArn" } },
    { operation: "StopExecution", input: { executionArn: "$third", error: "Enough" } },
    { operation: "DescribeStateMachineForExecution", input: { executionArn: "$third" } },
    { operation: "ListExecutions", input: { stateMachineArn: "$machine" }, pages: "executions" },
    { operation: "GetExecutionHistory", input: { executionArn: "$second" }, pages: "events" },

    { operation: "UpdateStateMachine", input: { stateMachineArn: "$machine", definition: { json: asking("second") } } },
    {
      operation: "PublishStateMachineVersion",
      input: { stateMachineArn: "$machine" },
      save: { version: "stateMachineVersionArn" },
    },
    { operation: "ListStateMachineVersions", input: { stateMachineArn: "$machine" } },
    {
      operation: "CreateStateMachineAlias",
      input: { name: "live", routingConfiguration: [{ stateMachineVersionArn: "$version", weight: 100 }] },
      save: { alias: "stateMachineAliasArn" },
    },
    { operation: "UpdateStateMachineAlias", input: { stateMachineAliasArn: "$alias", description: "what users see" } },
    { operation: "DescribeStateMachineAlias", input: { stateMachineAliasArn: "$alias" } },
    { operation: "ListStateMachineAliases", input: { stateMachineArn: "$machine" } },
    { operation: "DeleteStateMachineAlias", input: { stateMachineAliasArn: "$alias" } },
    { operation: "DeleteStateMachineVersion", input: { stateMachineVersionArn: "$version" } },

    { operation: "TagResource", input: { resourceArn: "$machine", tags: [{ key: "team", value: "vision" }] } },
    { operation: "ListTagsForResource", input: { resourceArn: "$machine" } },
    { operation: "UntagResource", input: { resourceArn: "$machine", tagKeys: ["team"] } },

    {
      operation: "CreateStateMachine",
      input: { name: `${name}-double`, type: "EXPRESS", definition: { json: doubling }, roleArn },
      save: { express: "stateMachineArn" },
    },
    { operation: "StartSyncExecution", input: { stateMachineArn: "$express", input: "21" } },
    {
      operation: "TestState",
      input: { definition: { json: doubling.States.Double }, input: "4", inspectionLevel: "DEBUG" },
    },

    {
      operation: "CreateStateMachine",
      input: { name: `${name}-fan-out`, definition: { json: fanOut }, roleArn },
      save: { fanOut: "stateMachineArn" },
    },
    {
      operation: "StartExecution",
      input: { stateMachineArn: "$fanOut", input: "[1,2,3]" },
      save: { fan: "executionArn" },
    },
    {
      operation: "ListMapRuns",
      input: { executionArn: "$fan" },
      until: ["mapRuns.0.mapRunArn", "*"],
      save: { run: "mapRuns.0.mapRunArn" },
    },
    { operation: "DescribeMapRun", input: { mapRunArn: "$run" }, until: ["itemCounts.running", "3"] },
    // A list may lag behind a count, as on AWS.
    { operation: "ListExecutions", input: { mapRunArn: "$run" }, until: ["executions.2.status", "RUNNING"] },
    { operation: "ListExecutions", input: { mapRunArn: "$run" }, pages: "executions" },
    { operation: "UpdateMapRun", input: { mapRunArn: "$run", maxConcurrency: 2 } },
    { operation: "ListMapRuns", input: { executionArn: "$fan" }, pages: "mapRuns" },
    { operation: "StopExecution", input: { executionArn: "$fan" } },

    { operation: "ListStateMachines", input: {}, pages: "stateMachines" },
    { operation: "ListActivities", input: {}, pages: "activities" },
    { operation: "DeleteStateMachine", input: { stateMachineArn: "$fanOut" } },
    { operation: "DeleteStateMachine", input: { stateMachineArn: "$express" } },
    { operation: "DeleteStateMachine", input: { stateMachineArn: "$machine" } },
    { operation: "DeleteActivity", input: { activityArn: "$activity" } },
  ];
}
