/** An event as GetExecutionHistory answers it; only these members are looked at. */
export interface ExecutionEvent {
  id?: number;
  previousEventId?: number;
  type?: string;
  stateEnteredEventDetails?: { name?: string };
  stateExitedEventDetails?: { name?: string };
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
  let ended: string | undefined;
  for (const event of events) {
    const { id = 0, previousEventId = 0, type = "" } = event;
    const before = visitOf.get(previousEventId);
    if (type.endsWith("StateEntered")) {
      const visit: Visit = { name: event.stateEnteredEventDetails?.name ?? "", failures: 0 };
      visits.push(visit);
      visitOf.set(id, visit);
      const previous = byId.get(previousEventId);
      if (previous?.type?.endsWith("StateExited"))
        transitions.add(transition(previous.stateExitedEventDetails?.name ?? "", visit.name));
      else transitions.add(transition("Start", visit.name));
      continue;
    }
    // An exit names its state; in a container its predecessor belongs to a child.
    const visit = type.endsWith("StateExited")
      ? openVisit(visits, event.stateExitedEventDetails?.name, before)
      : before;
    if (visit) visitOf.set(id, visit);
    if (visit && type.endsWith("StateExited")) {
      const cause = byId.get(previousEventId)?.type ?? "";
      visit.exit = isFailure(cause) ? "caught" : "succeeded";
      transitions.add(transition(visit.name, "End"));
    } else if (visit && isFailure(type) && !type.startsWith("Execution")) visit.failures++;
    if (/^Execution(Succeeded|Failed|Aborted|TimedOut)$/.test(type)) ended = type;
    else if (type === "ExecutionRedriven") ended = undefined;
  }
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

function openVisit(visits: readonly Visit[], name: string | undefined, before: Visit | undefined): Visit | undefined {
  if (before && before.name === name) return before;
  return visits.findLast((visit) => visit.name === name && visit.exit === undefined);
}

function outcomeOf(visit: Visit, ended: string | undefined, isLast: boolean): Outcome {
  if (visit.exit !== undefined) return visit.exit;
  if (ended === undefined) return "running";
  if (ended === "ExecutionAborted") return "aborted";
  // A Fail state fails by being entered; a state that failed for good was never left; its neighbours were cut off.
  return visit.failures > 0 || isLast || ended === "ExecutionSucceeded"
    ? ended === "ExecutionSucceeded"
      ? "succeeded"
      : "failed"
    : "aborted";
}

const order: readonly Outcome[] = ["notReached", "succeeded", "caught", "aborted", "running", "failed"];

function worse(a: Outcome, b: Outcome): Outcome {
  return order.indexOf(a) > order.indexOf(b) ? a : b;
}

function isFailure(type: string): boolean {
  return /(Failed|TimedOut)$/.test(type);
}
