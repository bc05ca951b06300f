/** An event as GetExecutionHistory answers it; only these members are looked at. */
export interface ExecutionEvent {
  id?: number;
  previousEventId?: number;
  type?: string;
  stateEnteredEventDetails?: { name?: string };
  stateExitedEventDetails?: { name?: string };
  evaluationFailedEventDetails?: { state?: string };
}

export type Outcome = "succeeded" | "failed" | "running" | "caught" | "aborted" | "notReached";

export interface StateOutcome {
  outcome: Outcome;
  /** How often it was entered: the iterations of a Map, the turns of a loop. */
  times: number;
  /** Failed attempts before the end of the last visit. */
  retries: number;
}

export interface ExecutionOutcome {
  states: Map<string, StateOutcome>;
  /** Transitions that were taken, as `from -> to`; `Start` and `End` stand for the pills. */
  transitions: Set<string>;
  isOver: boolean;
}

interface Visit {
  name: string;
  type: string;
  failures: number;
  exit?: "succeeded" | "caught";
}

export const transition = (from: string, to: string) => `${from} -> ${to}`;

/** Folds a history, complete or still growing, into what became of every state. */
export function executionOutcome(history: readonly ExecutionEvent[]): ExecutionOutcome {
  const events = [...history].sort((a, b) => (a.id ?? 0) - (b.id ?? 0));
  const byId = new Map(events.map((event) => [event.id, event]));
  const visitOf = new Map<number, Visit>();
  const visits: Visit[] = [];
  const transitions = new Set<string>();
  /** Of the states that nothing followed, by the event that they ended with. */
  const lastExits = new Map<number, string>();
  let ended: string | undefined;
  /** Whose event it is. Most follow the visit's own; some name their state, or their container by its type. */
  const visitIn = (event: ExecutionEvent, before: Visit | undefined): Visit | undefined => {
    const { type = "", previousEventId = 0 } = event;
    if (type.endsWith("StateExited")) return openVisit(visits, event.stateExitedEventDetails?.name, before);
    if (type === "EvaluationFailed") return openVisit(visits, event.evaluationFailedEventDetails?.state, before);
    const container = /^(Map|Parallel)StateFailed$/.exec(type)?.[1];
    if (container === undefined) return before;
    return enclosing(`${container}StateEntered`, previousEventId, { byId, visitOf });
  };
  for (const event of events) {
    const { id = 0, previousEventId = 0, type = "" } = event;
    const before = visitOf.get(previousEventId);
    if (type.endsWith("StateEntered")) {
      const visit: Visit = {
        name: event.stateEnteredEventDetails?.name ?? "",
        type,
        failures: type === "FailStateEntered" ? 1 : 0,
      };
      visits.push(visit);
      visitOf.set(id, visit);
      const previous = byId.get(previousEventId);
      if (previous?.type?.endsWith("StateExited")) {
        transitions.add(transition(previous.stateExitedEventDetails?.name ?? "", visit.name));
        lastExits.delete(previousEventId);
      } else transitions.add(transition("Start", visit.name));
      continue;
    }
    const visit = visitIn(event, before);
    if (visit) visitOf.set(id, visit);
    if (visit && type.endsWith("StateExited")) {
      const cause = byId.get(previousEventId)?.type ?? "";
      visit.exit = isFailure(cause) ? "caught" : "succeeded";
      lastExits.set(id, visit.name);
    } else if (visit && isFailure(type)) visit.failures++;
    if (type === "ExecutionFailed" && before?.type === "FailStateEntered") lastExits.set(id, before.name);
    if (/^Execution(Succeeded|Failed|Aborted|TimedOut)$/.test(type)) ended = type;
    else if (type === "ExecutionRedriven") ended = undefined;
  }
  for (const name of lastExits.values()) transitions.add(transition(name, "End"));
  const states = new Map<string, StateOutcome>();
  for (const visit of visits) {
    const known = states.get(visit.name);
    const outcome = outcomeOf(visit, ended, visit === visits.at(-1));
    states.set(visit.name, {
      outcome: known ? worse(known.outcome, outcome) : outcome,
      times: (known?.times ?? 0) + 1,
      retries: visit.exit === "succeeded" ? visit.failures : 0,
    });
  }
  return { states, transitions, isOver: ended !== undefined };
}

/** The visit of the Map or Parallel state that an event of one of its children belongs to: up the chain to where it began. */
function enclosing(
  type: string,
  from: number,
  { byId, visitOf }: { byId: ReadonlyMap<number | undefined, ExecutionEvent>; visitOf: ReadonlyMap<number, Visit> },
): Visit | undefined {
  for (let event = byId.get(from); event !== undefined; event = byId.get(event.previousEventId)) {
    const visit = event.type === type ? visitOf.get(event.id ?? 0) : undefined;
    if (visit !== undefined && visit.exit === undefined) return visit;
  }
  return undefined;
}

function openVisit(visits: readonly Visit[], name: string | undefined, before: Visit | undefined): Visit | undefined {
  if (before && before.name === name) return before;
  return visits.findLast((visit) => visit.name === name && visit.exit === undefined);
}

function outcomeOf(visit: Visit, ended: string | undefined, isLast: boolean): Outcome {
  if (visit.exit !== undefined) return visit.exit;
  if (visit.type === "FailStateEntered") return "failed";
  if (ended === undefined) return "running";
  if (ended === "ExecutionAborted") return "aborted";
  // Whose failure ended the execution, or what it waited for when its time was up; its neighbours were cut off.
  return visit.failures > 0 || (isLast && ended === "ExecutionTimedOut") ? "failed" : "aborted";
}

const order: readonly Outcome[] = ["notReached", "succeeded", "caught", "aborted", "running", "failed"];

function worse(a: Outcome, b: Outcome): Outcome {
  return order.indexOf(a) > order.indexOf(b) ? a : b;
}

function isFailure(type: string): boolean {
  return /(Failed|TimedOut)$/.test(type);
}
