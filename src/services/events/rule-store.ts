import type { Target } from "@aws-sdk/client-eventbridge";
import { compilePattern, type EventPattern } from "../../kit/event-pattern.ts";
import { Fault } from "../../kit/fault.ts";
import type { Json } from "../../kit/json.ts";
import type { Resources } from "../../ports/resources.ts";

export interface Rule {
  name: string;
  arn: string;
  /** Absent: the default one. */
  bus?: string;
  /** At least one of pattern and schedule is there. */
  pattern?: string;
  schedule?: string;
  /** When the schedule was put: what rates count from. */
  scheduledMs?: number;
  state: "ENABLED" | "DISABLED";
  description?: string;
  roleArn?: string;
  createdBy: string;
  targets: Target[];
}

export interface RuleStore {
  find(bus: string, name: string): Rule | undefined;
  /** Fails when it is not there. */
  get(bus: string, name: string): Rule;
  save(rule: Rule): void;
  remove(rule: Rule): void;
  list(bus: string, options: { prefix?: string; after?: string; limit?: number }): Rule[];
  all(): Rule[];
  /** The enabled rules of a bus that an event matches. */
  matching(bus: string, event: Json): Rule[];
  /** Calls back after every change. */
  onChange(listener: () => void): void;
}

const kind = "events:rule";

/** Rules live in resources; their compiled patterns are kept here, because every event of the house is tried on all of them. */
export function ruleStore(resources: Resources): RuleStore {
  let compiled: { rule: Rule; matches: EventPattern | undefined }[] | undefined;
  const listeners: (() => void)[] = [];
  const changed = (): void => {
    compiled = undefined;
    for (const listener of listeners) listener();
  };
  const rules = () => {
    compiled ??= resources.list<Rule>(kind).map(({ value: rule }) => {
      return {
        rule,
        matches: rule.pattern === undefined ? undefined : compilePattern(JSON.parse(rule.pattern) as Json),
      };
    });
    return compiled;
  };
  const find = (bus: string, name: string) => resources.get<Rule>(kind, idOf(bus, name))?.value;

  return {
    find,
    get(bus, name) {
      const rule = find(bus, name);
      if (rule !== undefined) return rule;
      throw new Fault("ResourceNotFoundException", `Rule ${name} does not exist on EventBus ${bus}.`);
    },
    save(rule) {
      resources.put(kind, idOf(rule.bus ?? "default", rule.name), rule);
      changed();
    },
    remove(rule) {
      resources.delete(kind, idOf(rule.bus ?? "default", rule.name));
      changed();
    },
    list(bus, { prefix = "", after, limit = Number.POSITIVE_INFINITY }) {
      return rules()
        .map(({ rule }) => rule)
        .filter(({ bus: of = "default", name }) => of === bus && name.startsWith(prefix) && name > (after ?? ""))
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .slice(0, limit);
    },
    all: () => rules().map(({ rule }) => rule),
    matching: (bus, event) =>
      rules()
        .filter(({ rule }) => (rule.bus ?? "default") === bus && rule.state === "ENABLED" && rule.targets.length > 0)
        .filter(({ matches }) => matches?.(event) === true)
        .map(({ rule }) => rule),
    onChange: (listener) => void listeners.push(listener),
  };
}

/** Names of rules hold no slash. */
function idOf(bus: string, name: string): string {
  return bus === "default" ? name : `${bus}/${name}`;
}
