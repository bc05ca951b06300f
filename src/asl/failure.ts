/**
 * A state that could not do its work. Three kinds, for they are told and treated differently:
 *   work        what was called failed; Retry and Catch may handle it; the history already holds an event about it
 *   evaluation  a JSONata expression failed; Retry and Catch may handle it; an EvaluationFailed event tells it
 *   runtime     a path, intrinsic or value that does not fit; nothing handles it, the execution fails
 */
export class StateFailure extends Error {
  readonly kind: "work" | "evaluation" | "runtime";
  readonly error: string | undefined;
  readonly reason: string | undefined;
  /** The field whose expression failed, such as `Output/result`. */
  readonly location: string | undefined;
  /** A heartbeat that did not come: also matched by States.HeartbeatTimeout. */
  readonly isHeartbeat: boolean;
  /** The reason already names the state it comes from. */
  readonly isPlaced: boolean;
  /** It comes out of a branch or iteration of the state that now looks at it. */
  readonly isFromChild: boolean;

  constructor(kind: StateFailure["kind"], details: FailureDetails) {
    super(`${details.error}: ${details.reason}`);
    this.name = "StateFailure";
    this.kind = kind;
    this.error = details.error;
    this.reason = details.reason;
    this.location = details.location;
    this.isHeartbeat = details.isHeartbeat ?? false;
    this.isPlaced = details.isPlaced ?? false;
    this.isFromChild = details.isFromChild ?? false;
  }

  /** The same failure with a sentence about its state in front of the reason. */
  placed(place: string): StateFailure {
    return new StateFailure(this.kind, { ...this.details(), reason: place + (this.reason ?? ""), isPlaced: true });
  }

  /** The same failure as the parent's state sees it: the expression that failed is not the parent's. */
  fromChild(): StateFailure {
    const kind = this.kind === "evaluation" ? "work" : this.kind;
    return new StateFailure(kind, { ...this.details(), isFromChild: true });
  }

  private details(): FailureDetails {
    const { error, reason, location, isHeartbeat, isPlaced, isFromChild } = this;
    return { error, reason, location, isHeartbeat, isPlaced, isFromChild };
  }
}

export interface FailureDetails {
  error: string | undefined;
  reason?: string | undefined;
  location?: string | undefined;
  isHeartbeat?: boolean;
  isPlaced?: boolean;
  isFromChild?: boolean;
}

/** A failure that nothing handles; `reason` follows AWS's sentence about the state, which the kernel puts in front. */
export function runtimeFailure(reason: string): StateFailure {
  return new StateFailure("runtime", { error: "States.Runtime", reason });
}

/** A JSONata expression of the field `location` (absent where AWS names none) could not be used. */
export function evaluationFailure(reason: string, location: string | undefined): StateFailure {
  return new StateFailure("evaluation", { error: "States.QueryEvaluationError", reason, location });
}
