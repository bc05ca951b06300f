import type { Json } from "../kit/json.ts";

/** How a service announces that something happened; whoever has a rule for it is told (EventBridge's event shape). */
export interface Events {
  /** At least once: the same `id` may be announced again after a crash, and receivers may see it twice. */
  announce(event: ServiceEvent): Promise<void>;
}

export interface ServiceEvent {
  id: string;
  /** Such as `aws.states`. */
  source: string;
  /** Such as `Step Functions Execution Status Change`. */
  detailType: string;
  timeMs: number;
  resources: string[];
  detail: { [name: string]: Json };
}
