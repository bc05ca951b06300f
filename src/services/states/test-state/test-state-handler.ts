import type { TestStateInput, TestStateOutput } from "@aws-sdk/client-sfn";
import { integrationOf } from "../../../asl/integration.ts";
import { type Answer, type StateUnderTest, TooManyFailedIterations } from "../../../asl/test-state.ts";
import { Fault } from "../../../kit/fault.ts";
import type { Json } from "../../../kit/json.ts";
import type { Call } from "../../../wire/service.ts";
import { refuseErrors } from "../definition-check.ts";
import { parseInput } from "../json-text.ts";
import { checkRole } from "../machine-handlers.ts";
import { childInputs } from "../map-run/batches.ts";
import { itemsIn } from "../map-run/item-reader.ts";
import { allAtOnce } from "../map-run/piecewise.ts";
import type { Parsed } from "../parsed.ts";
import type { ServiceContext } from "../service-context.ts";
import { TaskFailure, type TaskRunner } from "../task-pool.ts";
import { definitionUnderTest, type Fields, findState, scopesOf } from "./definition-under-test.ts";
import { givenContext } from "./given-context.ts";
import { inspectionOf } from "./inspection.ts";
import { mockedAnswer } from "./mock.ts";
import { realAnswers } from "./real-answers.ts";

export function testStateHandlers(context: ServiceContext, runTask: TaskRunner) {
  const { clock, language } = context;
  return {
    async TestState(input: Parsed<TestStateInput>, call: Call): Promise<Omit<TestStateOutput, "$metadata">> {
      const { mock, inspectionLevel = "INFO", stateConfiguration = {} } = input;
      if (input.roleArn !== undefined) checkRole(input.roleArn);
      const { state, text } = definitionUnderTest(context, input.definition, input.stateName);
      const inputText = input.input ?? "{}";
      const given: StateUnderTest = {
        input: parseInput(inputText),
        context: contextOf(context, input, call),
        variables: input.variables === undefined ? {} : variablesIn(input.variables),
        retryCount: stateConfiguration.retrierRetryCount ?? 0,
        failedIterations: stateConfiguration.mapIterationFailureCount,
        readItems: (reader) => itemsOf(reader, stateConfiguration.mapItemReaderData),
        batchItems: (items, batcher) => allAtOnce(items, childInputs(batcher)).map((child) => child.input),
        atMs: clock.now(),
        seed: clock.uuid(),
      };
      let mocked: Answer | undefined;
      if (mock === undefined) checkUnmocked(context, input, state);
      else {
        checkMocked(input, state);
        mocked = mockedAnswer(mock, state);
        if (input.context !== undefined) given.givenContext = givenContext(input.context, state);
      }
      const answer =
        mocked === undefined ? realAnswers({ clock, runTask, given, signal: call.signal }) : async () => mocked;
      const machine = language.compile(text, { type: "STANDARD" });
      const outcome = await language.testState(machine, given, answer).catch((error: unknown) => {
        throw error instanceof TooManyFailedIterations ? tooManyFailures() : error;
      });
      const isJsonata = (state["QueryLanguage"] ?? (JSON.parse(text) as Fields)["QueryLanguage"]) === "JSONata";
      return {
        status: outcome.status,
        output: outcome.output === undefined ? undefined : JSON.stringify(outcome.output),
        error: outcome.error,
        cause: outcome.cause,
        nextState: outcome.next,
        inspectionData: inspectionLevel === "INFO" ? undefined : inspectionOf(outcome, { state, isJsonata, inputText }),
      };
    },
  };
}

const hasChildren = (state: Fields): boolean => state["Type"] === "Map" || state["Type"] === "Parallel";

function checkUnmocked(context: ServiceContext, input: Parsed<TestStateInput>, state: Fields): void {
  const configured = Object.entries(input.stateConfiguration ?? {}).find(([, value]) => value !== undefined);
  const needsMock = configured?.[0] ?? (input.context === undefined ? undefined : "context");
  if (needsMock !== undefined) {
    const name = needsMock.charAt(0).toUpperCase() + needsMock.slice(1);
    throw refused(`TestState does not support ${name} when a mock is not specified.`);
  }
  if (hasChildren(state)) {
    throw new Fault(
      "InvalidDefinition",
      "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]",
    );
  }
  if (state["Type"] !== "Task") return;
  if (input.roleArn === undefined) throw refused("RoleArn must be specified when testing a Task state");
  const resource = String(state["Resource"]);
  const integration = integrationOf(resource);
  const isLong =
    integration?.kind === "activity" || (integration?.kind === "service" && integration.pattern !== "request");
  if (isLong) {
    // That they need a mock is documented; the words are a guess.
    const what = "activities and the '.sync' and '.waitForTaskToken' service integration patterns";
    throw new Fault("InvalidDefinition", `TestState API does not support ${what} when a mock is not specified.`);
  }
  const message = context.refusalOf(resource);
  if (message === undefined) return;
  const location = "/States/StateName/Resource";
  refuseErrors([{ severity: "ERROR", code: "SCHEMA_VALIDATION_FAILED", message, location }]);
}

function checkMocked(input: Parsed<TestStateInput>, state: Fields): void {
  if (state["Type"] !== "Task" && !hasChildren(state)) {
    throw refused(`State type '${state["Type"]}' is not supported when a mock is specified`);
  }
  if (input.revealSecrets === true) throw refused("TestState does not support RevealSecrets when a mock is specified.");
  const source = input.stateConfiguration?.errorCausedByState;
  if (source !== undefined && !scopesOf(state).some((scope) => findState(scope, source) !== undefined)) {
    throw refused("State not found in definition");
  }
}

function contextOf({ clock }: ServiceContext, { roleArn }: Parsed<TestStateInput>, { region, accountId }: Call) {
  const [machine, execution] = [clock.uuid(), clock.uuid()];
  const prefix = `arn:aws:states:${region}:${accountId}`;
  return {
    executionArn: `${prefix}:express:${machine}:${execution}`,
    executionName: execution,
    roleArn: roleArn ?? null,
    startTime: new Date(clock.now()).toISOString(),
    stateMachineArn: `${prefix}:stateMachine:${machine}`,
    stateMachineName: machine,
    region,
    type: "EXPRESS" as const,
  };
}

function variablesIn(text: string): { [name: string]: Json } {
  let variables: Json = null;
  try {
    variables = JSON.parse(text) as Json;
  } catch {
    // Refused below, like everything that is not an object.
  }
  if (variables !== null && typeof variables === "object" && !Array.isArray(variables)) return variables;
  throw refused("Variables must be a valid JSON object");
}

/** The items that the evaluated ItemReader finds in the data given as that of its source. */
function itemsOf(reader: Json, data: string | undefined): Json[] | undefined {
  if (data === undefined) return undefined;
  try {
    return itemsIn(data, ((reader as Fields)["ReaderConfig"] ?? {}) as Fields);
  } catch (error) {
    if (error instanceof TaskFailure) throw refused(`Invalid MapItemReaderData: ${error.reason}`);
    throw error;
  }
}

function tooManyFailures(): Fault {
  return refused("Map iteration failure count must be less than or equal to the number of Map iterations");
}

function refused(text: string): Fault {
  return new Fault("ValidationException", text);
}
