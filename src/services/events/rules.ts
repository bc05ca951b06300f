import type { ListRulesCommandInput, PutRuleCommandInput } from "@aws-sdk/client-eventbridge";
import { compilePattern, type EventPattern, PatternError } from "../../kit/event-pattern.ts";
import { Fault } from "../../kit/fault.ts";
import type { Json } from "../../kit/json.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Call, Handler } from "../../wire/service.ts";
import type { Buses } from "./buses.ts";
import type { Rule, RuleStore } from "./rule-store.ts";
import { parseSchedule, ScheduleError } from "./schedule.ts";
import type { TagStore } from "./tags.ts";

export interface RuleHandlersOptions {
  rules: RuleStore;
  buses: Buses;
  tags: TagStore;
  clock: Clock;
}

const largestPage = 100;

export function ruleHandlers({ rules, buses, tags, clock }: RuleHandlersOptions): Record<string, Handler> {
  const ruleOf = (input: { Name?: string; EventBusName?: string }) =>
    rules.get(buses.nameOf(input.EventBusName), input.Name ?? "");

  return {
    PutRule(input: PutRuleCommandInput, call: Call) {
      const bus = buses.nameOf(input.EventBusName);
      const name = input.Name ?? "";
      checkRule(input, bus);
      const before = rules.find(bus, name);
      const path = bus === "default" ? name : `${bus}/${name}`;
      const schedule = input.ScheduleExpression;
      const isSameSchedule = schedule !== undefined && schedule === before?.schedule;
      const rule: Rule = {
        name,
        arn: before?.arn ?? `arn:aws:events:${call.region}:${call.accountId}:rule/${path}`,
        ...(bus === "default" ? {} : { bus }),
        pattern: input.EventPattern,
        schedule,
        scheduledMs: isSameSchedule ? before?.scheduledMs : clock.now(),
        state: input.State === "DISABLED" ? "DISABLED" : "ENABLED",
        description: input.Description,
        roleArn: input.RoleArn,
        createdBy: before?.createdBy ?? call.accountId,
        targets: before?.targets ?? [],
      };
      rules.save(rule);
      // As EventBridge: tags of a rule that exists are changed by TagResource alone.
      if (before === undefined) tags.add(rule.arn, input.Tags ?? []);
      return { RuleArn: rule.arn };
    },

    DescribeRule(input: { Name: string; EventBusName?: string }) {
      const rule = ruleOf(input);
      return { ...summary(rule), CreatedBy: rule.createdBy };
    },

    ListRules(input: ListRulesCommandInput) {
      const bus = buses.nameOf(input.EventBusName);
      const limit = Math.min(input.Limit ?? largestPage, largestPage);
      const after = input.NextToken && Buffer.from(input.NextToken, "base64url").toString();
      const found = rules.list(bus, { prefix: input.NamePrefix, after, limit: limit + 1 });
      const page = found.slice(0, limit);
      const last = found.length > limit ? page.at(-1)?.name : undefined;
      return { Rules: page.map(summary), NextToken: last && Buffer.from(last).toString("base64url") };
    },

    /** Deleting what is not there is no error, as in EventBridge. */
    DeleteRule(input: { Name: string; EventBusName?: string }) {
      const rule = rules.find(buses.nameOf(input.EventBusName), input.Name);
      if (rule === undefined) return {};
      if (rule.targets.length > 0) throw invalid("Rule can't be deleted since it has targets.");
      rules.remove(rule);
      tags.forget(rule.arn);
      return {};
    },

    EnableRule(input: { Name: string; EventBusName?: string }) {
      rules.save({ ...ruleOf(input), state: "ENABLED" });
      return {};
    },

    DisableRule(input: { Name: string; EventBusName?: string }) {
      rules.save({ ...ruleOf(input), state: "DISABLED" });
      return {};
    },

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
}

function checkRule(input: PutRuleCommandInput, bus: string): void {
  const { Name: name = "", EventPattern, ScheduleExpression, State } = input;
  if (!/^[.\-_A-Za-z0-9]{1,64}$/.test(name)) {
    throw invalid(`Value '${name}' at 'name' failed to satisfy constraint: 1 to 64 of A-Z, a-z, 0-9, '.', '-', '_'`);
  }
  if (EventPattern === undefined && ScheduleExpression === undefined) {
    throw invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.");
  }
  if (EventPattern !== undefined) checkPattern(EventPattern);
  if (ScheduleExpression !== undefined) checkSchedule(ScheduleExpression, bus);
  if (State !== undefined && State !== "ENABLED" && State !== "DISABLED") {
    throw invalid(`Rule state ${State} is not supported: use ENABLED or DISABLED.`);
  }
}

function checkSchedule(text: string, bus: string): void {
  if (bus !== "default") throw invalid("ScheduleExpression is supported only on the default event bus.");
  try {
    parseSchedule(text);
  } catch (error) {
    if (!(error instanceof ScheduleError)) throw error;
    throw new Fault("ValidationException", `Parameter ScheduleExpression is not valid: ${error.message}.`, {
      cause: error,
    });
  }
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

function summary(rule: Rule): object {
  return {
    Name: rule.name,
    Arn: rule.arn,
    EventPattern: rule.pattern,
    ScheduleExpression: rule.schedule,
    State: rule.state,
    Description: rule.description,
    RoleArn: rule.roleArn,
    EventBusName: rule.bus ?? "default",
  };
}

function invalid(message: string): Fault {
  return new Fault("ValidationException", message);
}
