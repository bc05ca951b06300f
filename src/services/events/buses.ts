import type { CreateEventBusCommandInput, ListEventBusesCommandInput } from "@aws-sdk/client-eventbridge";
import { Fault } from "../../kit/fault.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Resources } from "../../ports/resources.ts";
import type { Call, Handler } from "../../wire/service.ts";
import type { RuleStore } from "./rule-store.ts";
import type { TagStore } from "./tags.ts";

interface Bus {
  name: string;
  arn: string;
  description?: string;
  createdMs: number;
}

export interface Buses {
  handlers: Record<string, Handler>;
  /** The name of a bus that exists, given by name or ARN; the default one when nothing is given. */
  nameOf(given: string | undefined): string;
  /** Whether there is a bus of that ARN. */
  has(arn: string): boolean;
}

export interface BusesOptions {
  resources: Resources;
  clock: Clock;
  rules: RuleStore;
  tags: TagStore;
}

const kind = "events:bus";
/** As EventBridge. */
const mostBuses = 100;
const largestPage = 100;

export function eventBuses({ resources, clock, rules, tags }: BusesOptions): Buses {
  const arnOf = (call: Call, name: string) => `arn:aws:events:${call.region}:${call.accountId}:event-bus/${name}`;
  const missing = (name: string) => new Fault("ResourceNotFoundException", `Event bus ${name} does not exist.`);

  function nameOf(given: string | undefined): string {
    const name =
      given === undefined ? "default" : (/^arn:[^:]*:events:[^:]*:[^:]*:event-bus\/(.+)$/.exec(given)?.[1] ?? given);
    if (name !== "default" && resources.get(kind, name) === undefined) throw missing(given ?? name);
    return name;
  }

  /** The default bus is there from the beginning. */
  function busOf(call: Call, name: string): Bus {
    return resources.get<Bus>(kind, name)?.value ?? { name, arn: arnOf(call, name), createdMs: 0 };
  }

  const shown = ({ name, arn, description, createdMs }: Bus): object => ({
    Name: name,
    Arn: arn,
    Description: description,
    ...(createdMs === 0 ? {} : { CreationTime: new Date(createdMs), LastModifiedTime: new Date(createdMs) }),
  });

  return {
    nameOf,
    has(arn) {
      const name = /:event-bus\/(.+)$/.exec(arn)?.[1];
      return name === "default" || (name !== undefined && resources.get(kind, name) !== undefined);
    },
    handlers: {
      CreateEventBus(input: CreateEventBusCommandInput, call: Call) {
        const name = input.Name ?? "";
        if (!/^[/.\-_A-Za-z0-9]{1,256}$/.test(name))
          throw invalid(`Value '${name}' at 'name' failed to satisfy constraint.`);
        if (input.EventSourceName !== undefined || name.startsWith("aws.partner/")) {
          throw invalid("Partner event sources are not supported here (see COMPATIBILITY.md).");
        }
        if (resources.list(kind, { limit: mostBuses }).length >= mostBuses) {
          throw new Fault("LimitExceededException", "The requested resource exceeds the maximum number allowed.");
        }
        const bus: Bus = { name, arn: arnOf(call, name), description: input.Description, createdMs: clock.now() };
        if (name === "default" || !resources.create(kind, name, bus)) {
          throw new Fault("ResourceAlreadyExistsException", `Event bus ${name} already exists.`);
        }
        tags.add(bus.arn, input.Tags ?? []);
        return { EventBusArn: bus.arn, Description: bus.description };
      },

      /** Deleting what is not there is no error, as in EventBridge. */
      DeleteEventBus(input: { Name: string }, call: Call) {
        if (input.Name === "default") throw invalid("Cannot delete event bus default.");
        if (rules.list(input.Name, { limit: 1 }).length > 0) {
          throw invalid(`Event bus ${input.Name} can't be deleted since it has rules.`);
        }
        tags.forget(busOf(call, input.Name).arn);
        resources.delete(kind, input.Name);
        return {};
      },

      DescribeEventBus: (input: { Name?: string }, call: Call) => shown(busOf(call, nameOf(input.Name))),

      ListEventBuses(input: ListEventBusesCommandInput, call: Call) {
        const { NamePrefix = "", NextToken, Limit = largestPage } = input;
        const after = NextToken === undefined ? "" : Buffer.from(NextToken, "base64url").toString();
        const all = [busOf(call, "default"), ...resources.list<Bus>(kind).map(({ value }) => value)];
        const wanted = all.filter(({ name }) => name.startsWith(NamePrefix)).sort((a, b) => (a.name < b.name ? -1 : 1));
        const rest = wanted.filter(({ name }) => name > after);
        const page = rest.slice(0, Math.min(Limit, largestPage));
        const last = page.length < rest.length ? page.at(-1)?.name : undefined;
        return { EventBuses: page.map(shown), NextToken: last && Buffer.from(last).toString("base64url") };
      },
    },
  };
}

function invalid(message: string): Fault {
  return new Fault("ValidationException", message);
}
