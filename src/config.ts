import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { LogFormat } from "./kit/server-log.ts";

// The only file that reads the environment. What a number bounds, and why it is what it is, stands beside it.

export interface ServerConfig {
  host: string;
  port: number;
  /** A listening socket that this process was given by whoever started it, instead of host and port. */
  descriptor?: number | undefined;
  /** Whoever gave the socket keeps it open after this process has ended. */
  isSocketHeld: boolean;
  dataDirectory: string;
  region: string;
  accountId: string;
  /** Executions are forgotten so long after their end. */
  executionDays: number;
  /** Training jobs that run side by side, each with its part of the cores. */
  trainingJobs: number;
  /** The endpoint that answers for every one that does not exist; absent: none does. */
  endpointAlias?: string;
  /** How the server speaks of itself on stderr. */
  logFormat: LogFormat;
  /** With keys every request must be signed with one of them; without, only this machine is served. */
  credentials: { accessKeyId: string; secretAccessKey: string }[];
}

/** The port other local AWS endpoints use by convention, so that what people already configured finds us. */
export const defaultPort = 4566;
export const defaultHost = "127.0.0.1";
/** Where AWS's own examples live; names are made with it, nothing is looked up by it. */
export const defaultRegion = "us-east-1";
/** Twelve digits, as every ARN needs; zeros, so that nobody takes it for a real account. */
export const defaultAccountId = "000000000000";

/** As long as AWS keeps the history of an execution that has ended. */
const defaultExecutionDays = 90;

export const bounds = {
  /** Inferences waiting per endpoint variant before the caller is asked to come back: some seconds of work for small models. */
  endpointQueueLength: 1024,
  /** Metrics kept at once: each costs some 4 KB a minute at the most, and whoever makes names out of ids is told. */
  metrics: 10_000,
  /** Bodies of calls that are read in one piece, past node:http: all but long definitions and documents. */
  quickCallBytes: 65_536,
  /** Clients are asked to go elsewhere before the listener closes: as long as a keep-alive client at work takes to ask again. */
  farewellMs: 1_500,
  /** Alarms: each is evaluated once a minute, in less than a millisecond. */
  alarms: 1000,
  /** Environments of all functions together: each is a process of some 20 to 60 MB. */
  functionEnvironments: 64,
  /** Uploads the command line keeps in flight: enough to hide the latency of small objects, far below any server's limit. */
  uploadsInFlight: 16,
  /** Pictures a staged data set may have: ten times CIFAR. Their names are in memory; a larger set is uploaded by other tools. */
  stagedImages: 600_000,
  /** Bytes of one picture file that staging reads: the endpoint's own request limit. */
  imageBytes: 6_291_456,
} as const;

export function serverConfig(given: Partial<ServerConfig> = {}): ServerConfig {
  const environment = process.env;
  const keyId = environment["SCONES_ACCESS_KEY_ID"];
  const secret = environment["SCONES_SECRET_ACCESS_KEY"];
  return {
    host: given.host ?? environment["SCONES_HOST"] ?? defaultHost,
    port: given.port ?? portFrom(environment["SCONES_PORT"]) ?? defaultPort,
    // Absolute, because programs are started in folders below it.
    dataDirectory: resolve(given.dataDirectory ?? environment["SCONES_DATA_DIR"] ?? join(homedir(), ".scones")),
    region: given.region ?? environment["SCONES_REGION"] ?? defaultRegion,
    accountId: given.accountId ?? environment["SCONES_ACCOUNT_ID"] ?? defaultAccountId,
    executionDays: given.executionDays ?? daysFrom(environment["SCONES_EXECUTION_DAYS"]) ?? defaultExecutionDays,
    descriptor: given.descriptor ?? socketGiven(),
    isSocketHeld: isSocketHeld(),
    trainingJobs: given.trainingJobs ?? jobsFrom(environment["SCONES_TRAINING_JOBS"]) ?? 1,
    endpointAlias: given.endpointAlias ?? (environment["SCONES_ENDPOINT_ALIAS"] || undefined),
    logFormat: given.logFormat ?? logFormatFrom(environment["SCONES_LOG_FORMAT"]),
    credentials: given.credentials ?? (keyId && secret ? [{ accessKeyId: keyId, secretAccessKey: secret }] : []),
  };
}

export interface ClientConfig {
  endpointUrl: string;
  region: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
}

/** How the command line reaches a running Scones: an address given, the usual variables of AWS clients, or this machine. */
export function clientConfig(given: { endpointUrl?: string } = {}): ClientConfig {
  const environment = process.env;
  return {
    endpointUrl:
      given.endpointUrl ??
      environment["AWS_ENDPOINT_URL"] ??
      `http://${defaultHost}:${environment["SCONES_PORT"] ?? defaultPort}`,
    region:
      environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"] ?? environment["SCONES_REGION"] ?? defaultRegion,
    credentials: {
      accessKeyId: environment["AWS_ACCESS_KEY_ID"] ?? environment["SCONES_ACCESS_KEY_ID"] ?? "scones",
      secretAccessKey: environment["AWS_SECRET_ACCESS_KEY"] ?? environment["SCONES_SECRET_ACCESS_KEY"] ?? "scones",
    },
  };
}

/** Where the descriptors begin that systemd, or whoever speaks as it does, hands to a program. */
const firstGivenDescriptor = 3;

/** As sd_listen_fds(3) says: the sockets are ours only if they were meant for this very process. */
function socketGiven(): number | undefined {
  const environment = process.env;
  if (environment["LISTEN_PID"] !== String(process.pid)) return undefined;
  const count = environment["LISTEN_FDS"];
  if (count !== "1") throw new Error(`Scones listens on one socket, and was given ${count} (LISTEN_FDS)`);
  return firstGivenDescriptor;
}

/** What a server tells the one that goes on in its place, and by which that one knows what it is. LISTEN_FDS goes with it. */
const successorVariable = "SCONES_SUCCESSOR_OF";

/** The process in whose place this one serves: it was started first, stays, and is the one to send signals to. */
export function frontProcess(): number | undefined {
  const text = process.env[successorVariable];
  return text === undefined ? undefined : Number(text);
}

export function successorEnvironment(front: number): Record<string, string | undefined> {
  const { LISTEN_FDS: sockets, LISTEN_PID: _pid, ...rest } = process.env;
  return { ...rest, ...(isSocketHeld() && { LISTEN_FDS: sockets }), [successorVariable]: String(front) };
}

function isSocketHeld(): boolean {
  return process.env["LISTEN_FDS"] !== undefined && (socketGiven() ?? frontProcess()) !== undefined;
}

/** What a program started by the command line inherits. */
export function inheritedEnvironment(): Record<string, string | undefined> {
  return { ...process.env };
}

/** Whether escape codes and moving lines are welcome on this stream. */
export function isInteractive(stream: { isTTY?: boolean }): boolean {
  const environment = process.env;
  if (environment["FORCE_COLOR"] !== undefined) return environment["FORCE_COLOR"] !== "0";
  if (environment["NO_COLOR"] !== undefined || environment["CI"] !== undefined || environment["TERM"] === "dumb")
    return false;
  return stream.isTTY === true;
}

function logFormatFrom(text: string | undefined): LogFormat {
  if (text === undefined || text === "" || text === "text") return "text";
  if (text === "json") return "json";
  throw new Error(`SCONES_LOG_FORMAT must be text or json, not "${text}"`);
}

function portFrom(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`SCONES_PORT must be a port number, not "${text}"`);
  return port;
}

function daysFrom(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const days = Number(text);
  if (!Number.isInteger(days) || days < 1 || days > 36_500)
    throw new Error(`SCONES_EXECUTION_DAYS must be a number of days from 1 to 36500, not "${text}"`);
  return days;
}

function jobsFrom(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const jobs = Number(text);
  if (!Number.isInteger(jobs) || jobs < 1 || jobs > 64)
    throw new Error(`SCONES_TRAINING_JOBS must be a number of jobs from 1 to 64, not "${text}"`);
  return jobs;
}

/** Where programs such as Python are looked for. */
export function programSearchPath(): string {
  return process.env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin";
}

/** The AWS SDK advises on every start to leave Node 20; whoever runs Scones has chosen, and reads results here. */
export function silenceSdkAdvice(): void {
  process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] = "true";
}
