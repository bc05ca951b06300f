export interface WireLimits {
  /** Bodies other than objects: above the 5.2 MB of the largest JSON request of AWS. */
  bodyBytes: number;
  /** Lambda takes 50 MB archives as base64; the runtime takes 25 MB payloads. */
  bodyBytesOf: Readonly<Record<string, number>>;
  /** A request must be complete within this time: a 5 GB object at 10 MB/s takes nine minutes. */
  requestTimeoutMs: number;
  connections: number;
  /** Read and thrown away of a refused body, so that its sender hears the refusal before its socket breaks. */
  drainBytes: number;
  /** How long clients are asked to go elsewhere before the listener closes; 0 where nobody restarts under load. */
  farewellMs: number;
  /** For what is under way after that: a slow model's answer; long polls would take longer than anybody wants to wait. */
  graceMs: number;
}

export const defaultLimits: WireLimits = {
  bodyBytes: 8 * 2 ** 20,
  bodyBytesOf: { lambda: 96 * 2 ** 20, "sagemaker-runtime": 26 * 2 ** 20 },
  requestTimeoutMs: 30 * 60_000,
  connections: 10_000,
  drainBytes: 64 * 2 ** 20,
  farewellMs: 0,
  graceMs: 5_000,
};

export function bodyLimit(limits: WireLimits, service: string | undefined): number {
  return limits.bodyBytesOf[service ?? ""] ?? limits.bodyBytes;
}
