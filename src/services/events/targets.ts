import type {
  ListTargetsByRuleCommandInput,
  PutTargetsCommandInput,
  RemoveTargetsCommandInput,
  Target,
} from "@aws-sdk/client-eventbridge";
import { Fault } from "../../kit/fault.ts";
import type { Handler } from "../../wire/service.ts";
import type { Buses } from "./buses.ts";
import type { RuleStore } from "./rule-store.ts";
import { checkInput } from "./target-input.ts";

/** As EventBridge. */
const mostTargets = 5;

export function targetHandlers({ rules, buses }: { rules: RuleStore; buses: Buses }): Record<string, Handler> {
  const ruleOf = (input: { Rule?: string; EventBusName?: string }) =>
    rules.get(buses.nameOf(input.EventBusName), input.Rule ?? "");

  return {
    PutTargets(input: PutTargetsCommandInput) {
      const rule = ruleOf(input);
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
      rules.save({ ...rule, targets: [...targets.values()] });
      return { FailedEntryCount: 0, FailedEntries: [] };
    },

    RemoveTargets(input: RemoveTargetsCommandInput) {
      const rule = ruleOf(input);
      const removed = new Set(input.Ids ?? []);
      const known = new Set(rule.targets.map((target) => target.Id as string));
      rules.save({ ...rule, targets: rule.targets.filter((target) => !removed.has(target.Id as string)) });
      const FailedEntries = [...removed]
        .filter((id) => !known.has(id ?? ""))
        .map((TargetId) => ({
          TargetId,
          ErrorCode: "ResourceNotFoundException",
          ErrorMessage: `Rule ${rule.name} does not have a target with the Id ${TargetId}.`,
        }));
      return { FailedEntryCount: FailedEntries.length, FailedEntries };
    },

    ListTargetsByRule: (input: ListTargetsByRuleCommandInput) => ({ Targets: ruleOf(input).targets }),

    ListRuleNamesByTarget(input: { TargetArn: string; EventBusName?: string }) {
      const of = rules.list(buses.nameOf(input.EventBusName), {});
      const having = of.filter(({ targets }) => targets.some((target) => target.Arn === input.TargetArn));
      return { RuleNames: having.map(({ name }) => name) };
    },
  };
}

export type TargetKind = "lambda" | "sns" | "sqs" | "states" | "logs";

/** The service that a target's ARN names; `undefined` for one that is not reachable from here. */
export function targetKind(arn: string): TargetKind | undefined {
  const [, , service, , , kind] = arn.split(":");
  if (service === "lambda" && kind === "function") return "lambda";
  if (service === "states" && kind === "stateMachine") return "states";
  if (service === "logs" && kind === "log-group") return "logs";
  if (service === "sns" || service === "sqs") return service;
  return undefined;
}

function checkTarget(target: Target): void {
  const arn = target.Arn ?? "";
  if (!/^arn:[^:]+:[^:]+:[^:]*:\d*:.+$/.test(arn)) {
    throw invalid(`Parameter ${arn} is not valid. Reason: Provided Arn is not in correct format.`);
  }
  if (targetKind(arn) === undefined) {
    throw invalid(
      `Parameter ${arn} is not valid. Reason: targets are functions, state machines, topics, queues and log groups here.`,
    );
  }
  if (!/^[.\-_A-Za-z0-9]{1,64}$/.test(target.Id ?? "")) throw invalid(`Target Id "${target.Id}" is not valid.`);
  checkInput(target);
}

function invalid(message: string): Fault {
  return new Fault("ValidationException", message);
}
