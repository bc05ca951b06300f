/** How busy the variants of all endpoints are, for whoever scales them. */
export interface EndpointLoads {
  loads(): VariantLoad[];
}

export interface VariantLoad {
  endpointName: string;
  variantName: string;
  /** As asked for. */
  instances: number;
  /** Answered or failed since the endpoint came up; falls back to 0 when its processes are replaced. */
  invocations: number;
  /** Being answered or waiting. */
  outstanding: number;
  /** Nothing is being done to the endpoint: its capacity may be changed. */
  isSettled: boolean;
  /** The config's own wish to be scaled. */
  managed?: { min: number; max: number };
}
