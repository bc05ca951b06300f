import type { Json } from "../kit/json.ts";
import type { Execution, ExecutionContext } from "./contract.ts";

/* The continuation of an execution, as plain JSON: a tree of frames. A frame walks one scope: the machine, a branch, an iteration. */

export interface KernelExecution extends Execution {
  context: ExecutionContext;
  input: Json;
  redriveCount: number;
  /** The execution's own limit, as an instant. */
  deadlineMs?: number;
  frames: { [id: string]: Frame };
}

export interface Frame {
  /** The path of the frame: empty for the machine itself, `Map:1#17` for an iteration. */
  id: string;
  parent: string | null;
  /** Which branch or iteration of the parent's state this is. */
  index: number;
  /** The item of an iteration. */
  item?: Json;
  variables: { [name: string]: Json };
  state: string;
  /** The raw input of the state. */
  input: Json;
  enteredAt: string;
  enteredId: number;
  /** The event before StateEntered: where EvaluationFailed is chained to. */
  beforeId: number;
  /** The event that the next one of this frame points at. */
  lastId: number;
  /** Counts what was started in this frame: makes the ids of effects unique. */
  started: number;
  /** Attempts used up, per retrier of the present state. */
  retries: number[];
  retryCount: number;
  work?: Work;
  /** The last map run of the present state, when it did not succeed: a redrive goes on with it. */
  unsuccessfulRun?: MapRunWork;
  /** Why the frame no longer runs although it did not reach its end; a redrive continues it. */
  ended?: "failed" | "aborted";
}

type Work = TaskWork | TimerWork | ChildrenWork | MapRunWork;

export interface TaskWork {
  type: "task";
  effectId: string;
  resource: string;
  pattern: "request" | "sync" | "waitForTaskToken";
  parameters: Json;
  taskToken?: string;
  timeoutSeconds?: number;
  heartbeatSeconds?: number;
  deadlineMs?: number;
  heartbeatDueMs?: number;
  isStarted?: boolean;
  isSubmitted?: boolean;
  /** A token that was completed before our own call returned. */
  early?: { output: Json };
}

interface TimerWork {
  type: "wait" | "retry";
  effectId: string;
  dueMs: number;
}

export interface ChildrenWork {
  type: "children";
  effectId: string;
  /** The items of a Map; the one input of all branches of a Parallel. */
  items: Json[];
  total: number;
  next: number;
  open: number;
  concurrency: number;
  results: Json[];
  /** The last event a finished child left: MapIterationSucceeded, or the last event inside a branch. */
  lastId: number;
}

export interface MapRunWork {
  type: "mapRun";
  effectId: string;
  mapRunArn: string;
  state: Json;
  /** MapRunStarted: where AWS chains MapStateExited to. */
  startedId: number;
}
