import type {
  ListRulesCommandInput,
  ListTargetsByRuleCommandInput,
  PutRuleCommandInput,
  PutTargetsCommandInput,
  RemoveTargetsCommandInput,
  Target,
} from "@aws-sdk/client-eventbridge";
import { compilePattern, type EventPattern, PatternError } from "../../kit/event-pattern.ts";
import { Fault } from "../../kit/fault.ts";
import type { Json } from "../../kit/json.ts";
import type { Resources } from "../../ports/resources.ts";
import type { Call, Handler } from "../../wire/service.ts";
import { checkInput } from "./target-input.ts";

export interface Rule {
  name: string;
  arn: string;
  pattern: string;
  state: "ENABLED" | "DISABLED";
  description?: string;
  roleArn?: string;
  createdBy: string;
  targets: Target[];
}

const kind = "events:rule";
/** As EventBridge. */
const mostTargets = 5;
const largestPage = 100;

export interface RuleBook {
  handlers: Record<string, Handler>;
  /** The enabled rules that an event matches. */
  matching(event: Json): Rule[];
}

/** Rules live in resources; their compiled patterns are kept here, because every event of the house is tried on all of them. */
export function ruleBook(resources: Resources): RuleBook {
  let compiled: { rule: Rule; matches: EventPattern }[] | undefined;

  function rules(): { rule: Rule; matches: EventPattern }[] {
    compiled ??= resources
      .list<Rule>(kind)
      .map(({ value }) => ({ rule: value, matches: compilePattern(JSON.parse(value.pattern) as Json) }));
    return compiled;
  }

  function find(input: { Name?: string; Rule?: string; EventBusName?: string }): Rule {
    checkBus(input.EventBusName);
    const name = input.Name ?? input.Rule ?? "";
    const rule = resources.get<Rule>(kind, name);
    if (rule === undefined) {
      throw new Fault("ResourceNotFoundException", `Rule ${name} does not exist on EventBus default.`);
    }
    return rule.value;
  }

  function save(rule: Rule): void {
    resources.put(kind, rule.name, rule);
    compiled = undefined;
  }

  const handlers: Record<string, Handler> = {
    PutRule(input: PutRuleCommandInput, call: Call) {
      checkBus(input.EventBusName);
      const name = input.Name ?? "";
      if (!/^[.\-_A-Za-z0-9]{1,64}$/.test(name)) {
        throw invalid(
          `Value '${name}' at 'name' failed to satisfy constraint: 1 to 64 of A-Z, a-z, 0-9, '.', '-', '_'`,
        );
      }
      if (input.ScheduleExpression !== undefined) {
        throw invalid(
          "Parameter ScheduleExpression is not supported: rules follow events here (see COMPATIBILITY.md).",
        );
      }
      if (input.EventPattern === undefined) {
        throw invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.");
      }
      checkPattern(input.EventPattern);
      if (input.State !== undefined && input.State !== "ENABLED" && input.State !== "DISABLED") {
        throw invalid(`Rule state ${input.State} is not supported: use ENABLED or DISABLED.`);
      }
      const before = resources.get<Rule>(kind, name)?.value;
      const rule: Rule = {
        name,
        arn: before?.arn ?? `arn:aws:events:${call.region}:${call.accountId}:rule/${name}`,
        pattern: input.EventPattern,
        state: input.State ?? "ENABLED",
        description: input.Description,
        roleArn: input.RoleArn,
        createdBy: before?.createdBy ?? call.accountId,
        targets: before?.targets ?? [],
      };
      save(rule);
      return { RuleArn: rule.arn };
    },

    DescribeRule(input: { Name: string; EventBusName?: string }) {
      const rule = find(input);
      return { ...summary(rule), CreatedBy: rule.createdBy };
    },

    ListRules(input: ListRulesCommandInput) {
      checkBus(input.EventBusName);
      const limit = Math.min(input.Limit ?? largestPage, largestPage);
      const after = input.NextToken && Buffer.from(input.NextToken, "base64url").toString();
      const found = resources.list<Rule>(kind, { prefix: input.NamePrefix ?? "", after, limit: limit + 1 });
      const page = found.slice(0, limit);
      const last = found.length > limit ? page.at(-1)?.id : undefined;
      return {
        Rules: page.map(({ value }) => summary(value)),
        NextToken: last && Buffer.from(last).toString("base64url"),
      };
    },

    ListRuleNamesByTarget(input: { TargetArn: string; EventBusName?: string }) {
      checkBus(input.EventBusName);
      const having = rules().filter(({ rule }) => rule.targets.some((target) => target.Arn === input.TargetArn));
      return { RuleNames: having.map(({ rule }) => rule.name) };
    },

    /** Deleting what is not there is no error, as in EventBridge. */
    DeleteRule(input: { Name: string; EventBusName?: string }) {
      checkBus(input.EventBusName);
      const rule = resources.get<Rule>(kind, input.Name)?.value;
      if (rule === undefined) return {};
      if (rule.targets.length > 0) throw invalid("Rule can't be deleted since it has targets.");
      resources.delete(kind, rule.name);
      compiled = undefined;
      return {};
    },

    EnableRule(input: { Name: string; EventBusName?: string }) {
      save({ ...find(input), state: "ENABLED" });
      return {};
    },

    DisableRule(input: { Name: string; EventBusName?: string }) {
      save({ ...find(input), state: "DISABLED" });
      return {};
    },

    PutTargets(input: PutTargetsCommandInput) {
      const rule = find(input);
      const targets = new Map(rule.targets.map((target) => [target.Id, target]));
      for (const target of input.Targets ?? []) {
        checkTarget(target);
        targets.set(target.Id, target);
      }
      if (targets.size > mostTargets) {
        throw new Fault(
          "LimitExceededException",
          `The requested resource exceeds the maximum number allowed: ${mostTargets} targets.`,
        );
      }
      save({ ...rule, targets: [...targets.values()] });
      return { FailedEntryCount: 0, FailedEntries: [] };
    },

    RemoveTargets(input: RemoveTargetsCommandInput) {
      const rule = find(input);
      const removed = new Set(input.Ids ?? []);
      const known = new Set(rule.targets.map((target) => target.Id as string));
      save({ ...rule, targets: rule.targets.filter((target) => !removed.has(target.Id as string)) });
      const FailedEntries = [...removed]
        .filter((id) => !known.has(id ?? ""))
        .map((TargetId) => ({
          TargetId,
          ErrorCode: "ResourceNotFoundException",
          ErrorMessage: `Rule ${rule.name} does not have a target with the Id ${TargetId}.`,
        }));
      return { FailedEntryCount: FailedEntries.length, FailedEntries };
    },

    ListTargetsByRule: (input: ListTargetsByRuleCommandInput) => ({ Targets: find(input).targets }),

    TestEventPattern(input: { EventPattern: string; Event: string }) {
      const matches = checkPattern(input.EventPattern);
      let event: Json;
      try {
        event = JSON.parse(input.Event) as Json;
      } catch {
        throw invalid("Parameter Event is not valid JSON.");
      }
      return { Result: matches(event) };
    },
  };

  return {
    handlers,
    matching: (event) =>
      rules()
        .filter(({ rule, matches }) => rule.state === "ENABLED" && rule.targets.length > 0 && matches(event))
        .map(({ rule }) => rule),
  };
}

/** There is one bus. */
export function checkBus(name: string | undefined): void {
  if (name === undefined || name === "default" || /^arn:[^:]*:events:.*:event-bus\/default$/.test(name)) return;
  throw new Fault("ResourceNotFoundException", `Event bus ${name} does not exist.`);
}

export type TargetKind = "lambda" | "sns" | "sqs" | "states";

/** The service that a target's ARN names; `undefined` for one that is not reachable from here. */
export function targetKind(arn: string): TargetKind | undefined {
  const [, , service, , , kind] = arn.split(":");
  if (service === "lambda" && kind === "function") return "lambda";
  if (service === "states" && kind === "stateMachine") return "states";
  if (service === "sns" || service === "sqs") return service;
  return undefined;
}

function checkPattern(text: string): EventPattern {
  try {
    return compilePattern(JSON.parse(text) as Json);
  } catch (error) {
    if (!(error instanceof PatternError) && !(error instanceof SyntaxError)) throw error;
    throw new Fault("InvalidEventPatternException", `Event pattern is not valid. Reason: ${error.message}`, {
      cause: error,
    });
  }
}

function checkTarget(target: Target): void {
  const arn = target.Arn ?? "";
  if (!/^arn:[^:]+:[^:]+:[^:]*:\d*:.+$/.test(arn)) {
    throw invalid(`Parameter ${arn} is not valid. Reason: Provided Arn is not in correct format.`);
  }
  if (targetKind(arn) === undefined) {
    throw invalid(
      `Parameter ${arn} is not valid. Reason: targets are functions, state machines, topics and queues here.`,
    );
  }
  if (!/^[.\-_A-Za-z0-9]{1,64}$/.test(target.Id ?? "")) throw invalid(`Target Id "${target.Id}" is not valid.`);
  checkInput(target);
}

function summary(rule: Rule): object {
  return {
    Name: rule.name,
    Arn: rule.arn,
    EventPattern: rule.pattern,
    State: rule.state,
    Description: rule.description,
    RoleArn: rule.roleArn,
    EventBusName: "default",
  };
}

function invalid(message: string): Fault {
  return new Fault("ValidationException", message);
}
