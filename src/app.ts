// The one place that names implementations: which parts there are, how they hold each other, in which order they start and end.
import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { diskBlobs } from "./blobs/disk.ts";
import { makeRoomToStart } from "./blobs/disk-reserve.ts";
import { bounds, type ClientConfig, programSearchPath, type ServerConfig } from "./config.ts";
import { functionEnvironments } from "./functions/function-environments.ts";
import { systemClock } from "./kit/clock.ts";
import { serverLog } from "./kit/server-log.ts";
import type { Events } from "./ports/events.ts";
import type { Functions } from "./ports/functions.ts";
import type { Operations } from "./ports/operations.ts";
import { httpDoors } from "./serve/http-doors.ts";
import { refusals, shedding } from "./serve/shedding.ts";
import { applicationAutoscalingService } from "./services/application-autoscaling/application-autoscaling-service.ts";
import { eventsService } from "./services/events/events-service.ts";
import { iamService } from "./services/iam/iam-service.ts";
import { lambdaService } from "./services/lambda/lambda-service.ts";
import { logsService } from "./services/logs/logs-service.ts";
import { monitoringService } from "./services/monitoring/monitoring-service.ts";
import { s3Service } from "./services/s3/s3-service.ts";
import { sagemakerService } from "./services/sagemaker/sagemaker-service.ts";
import { aliasedModels } from "./services/sagemaker-runtime/endpoint-alias.ts";
import { maxInvocationBytes, sagemakerRuntimeService } from "./services/sagemaker-runtime/sagemaker-runtime-service.ts";
import { snsService } from "./services/sns/sns-service.ts";
import { sqsService } from "./services/sqs/sqs-service.ts";
import { statesService } from "./services/states/states-service.ts";
import { defaultRoleName, stsService } from "./services/sts/sts-service.ts";
import { sqliteStore } from "./store/sqlite.ts";
import { authorityPath, openAuthority, saveBundle } from "./wire/certificate-authority.ts";
import { clientEnvironment as clientVariables } from "./wire/client-environment.ts";
import type { Door } from "./wire/farewell.ts";
import { operationsOf } from "./wire/operations.ts";
import { createWireServer } from "./wire/server.ts";
import type { Service } from "./wire/service.ts";

/** A running Scones. */
export interface Scones {
  url: string;
  dataDirectory: string;
  /** The operations that are answered, by service. */
  operations: Record<string, string[]>;
  /** Of the listening socket, for a process that is to go on with it. */
  descriptor: number | undefined;
  /** Answers what it has taken, then ends every process it started and lets go of the data directory. May be called twice. */
  close(): Promise<void>;
  /** Like `close`, with a successor that has the listening socket: what is asked from now on is for that one. `close` ends it. */
  handOn(): Promise<void>;
}

/** Starts everything on one data directory; what was running when the last process ended goes on. */
/** Their callers wait for something to happen, so what they cost is nothing to them; and they must hear of the server's end. */
const longPolls = ["sqs.ReceiveMessage", "states.GetActivityTask", "states.StartSyncExecution"];

export async function startScones(config: ServerConfig): Promise<Scones> {
  const clock = systemClock();
  const log = serverLog({
    format: config.logFormat,
    write: (text) => void process.stderr.write(text),
    now: () => clock.now(),
  });
  const { report } = log;
  const { dataDirectory, region, accountId } = config;
  mkdirSync(dataDirectory, { recursive: true, mode: 0o700 });
  const place = (name: string): string => join(dataDirectory, name);
  const owned = closers();
  try {
    makeRoomToStart(place("objects"));
    const store = owned.add(
      sqliteStore({ file: place("scones.sqlite"), clock, onError: (error) => report("the store", error) }),
    );
    const blobs = owned.add(await diskBlobs({ directory: place("objects"), clock }));
    const authority = openAuthority({ folder: place("authority"), now: () => clock.now() });
    const { resources, logs } = store;

    // Services reach each other through ports; those that are made later are looked up at the call.
    const later: { operations?: Operations; functions?: Functions; events?: Events; url?: string } = {};
    const operations: Operations = {
      call: (...given) => present(later.operations).call(...given),
      has: (...given) => present(later.operations).has(...given),
    };
    const functions: Functions = { invoke: (...given) => present(later.functions).invoke(...given) };
    const events: Events = { announce: (event) => present(later.events).announce(event) };
    const monitoring = owned.add(
      monitoringService({
        points: store.metrics,
        resources,
        clock,
        functions,
        operations,
        events,
        mostMetrics: bounds.metrics,
        mostAlarms: bounds.alarms,
        report,
      }),
    );
    const { metrics } = monitoring;
    const logging = owned.add(logsService({ logs, resources, clock, report }));
    const childVariables = (): Record<string, string> =>
      clientVariables({
        url: present(later.url),
        region,
        bundlePath: authority.bundlePath,
        ...(config.credentials[0] ? { credential: config.credentials[0] } : {}),
      });

    const environments = owned.add(
      functionEnvironments({
        folder: place("functions"),
        logs,
        clock,
        searchPath: programSearchPath(),
        environmentOf: childVariables,
        limits: { total: bounds.functionEnvironments },
        report,
      }),
    );
    const lambda = owned.add(
      lambdaService({
        resources,
        blobs,
        clock,
        environments,
        operations,
        metrics,
        folder: place("code"),
        region,
        accountId,
        report,
      }),
    );
    later.functions = lambda.functions;
    const sns = owned.add(
      snsService({
        resources,
        clock,
        functions,
        operations,
        metrics,
        directory: place("sns"),
        outboxFolder: place("outbox"),
        report,
      }),
    );
    const sqs = owned.add(sqsService({ resources, clock, metrics }));
    const eventBus = owned.add(
      eventsService({
        resources,
        clock,
        functions,
        operations,
        region,
        accountId,
        baseUrl: `https://sqs.${region}.amazonaws.com`,
        report,
      }),
    );
    later.events = eventBus.events;
    const s3 = s3Service({ blobs, resources, clock, functions, operations, events, report });
    const sagemaker = owned.add(
      sagemakerService({
        resources,
        blobs: s3.objects,
        logs,
        events,
        operations,
        metrics,
        clock,
        directory: place("sagemaker"),
        region,
        accountId,
        programEnvironment: () => ({ ...childVariables(), PATH: programSearchPath() }),
        trainingCapacity: { cores: availableParallelism(), jobs: config.trainingJobs },
        maxQueue: bounds.endpointQueueLength,
        onEvent: log.event,
        report,
      }),
    );
    const autoscaling = owned.add(
      applicationAutoscalingService({ resources, loads: sagemaker.loads, operations, clock, report }),
    );
    const states = statesService({
      store,
      functions,
      operations,
      events,
      metrics,
      clock,
      keptDays: config.executionDays,
      onError: (error) => report("an execution", error),
    });
    owned.add(states.engine);
    owned.add(s3);

    const { endpointAlias: alias } = config;
    const models =
      alias === undefined ? sagemaker.models : aliasedModels({ models: sagemaker.models, operations, alias, report });

    const services: Service[] = [
      s3,
      stsService({
        clock,
        ...(config.credentials[0] ? { secretAccessKey: config.credentials[0].secretAccessKey } : {}),
      }),
      iamService(resources, { clock, callerRoleName: defaultRoleName }),
      logging,
      monitoring.service,
      lambda.service,
      sns,
      sqs,
      eventBus,
      sagemaker.service,
      autoscaling,
      sagemakerRuntimeService({ models, asyncModels: sagemaker.asyncModels }),
      states.service,
    ];
    later.operations = operationsOf(services, {
      region,
      accountId,
      baseUrl: () => present(later.url),
      uuid: () => clock.uuid(),
    });
    const refusal = refusals((endpointName) => sagemaker.refusesNow(endpointName));
    const sheds = shedding(refusal);
    const doors = httpDoors({
      models: sagemaker.models,
      hasEndpoint: (name) => sagemaker.hasEndpoint(name),
      metricsText: () => sagemaker.metricsText(),
      credentials: config.credentials,
      maxBodyBytes: maxInvocationBytes,
    });
    const server = await createWireServer({
      services,
      host: config.host,
      port: config.port,
      descriptor: config.descriptor,
      credentials: config.credentials,
      region,
      accountId,
      clock,
      authority,
      limits: { farewellMs: bounds.farewellMs },
      quick: {
        kinds: [
          {
            prefix: "POST /endpoints/",
            maxBodyBytes: maxInvocationBytes,
            refusal: ({ target }) => refusal(target),
          },
          { prefix: "POST / HTTP/1.1\r\n", maxBodyBytes: bounds.quickCallBytes },
        ],
        takes: (operation) => !longPolls.includes(operation),
      },
      report: ({ kind, operation, requestId, error }) => {
        if (kind === "bug") report(`bug in ${operation} (request ${requestId})`, error);
        if (kind === "full-disk") report(`no space is left for ${operation} (request ${requestId}): ${String(error)}`);
      },
      onRequest: (request, response) => {
        const isAnswered = [sheds, doors, lambda.answer].some((door) => door(request, response));
        if (isAnswered) return true;
        if (request.url !== sns.certificatePath) return false;
        response.writeHead(200, { "content-type": "application/x-pem-file" }).end(sns.certificatePem);
        return true;
      },
    });
    let door: Door = config.isSocketHeld ? "held" : "closes";
    owned.add({ close: () => server.close(door) });
    later.url = server.url;
    lambda.start();
    owned.add({ close: () => lambda.close() }); // first of all: who polls queues ends before they do
    sagemaker.resume();
    autoscaling.start();
    await states.engine.recover();
    return {
      url: server.url,
      dataDirectory,
      operations: Object.fromEntries(services.map((service) => [service.name, Object.keys(service.handlers)])),
      descriptor: server.descriptor,
      handOn: () => {
        door = "handed on";
        return owned.close();
      },
      close: async () => {
        await owned.close();
        await server.close();
      },
    };
  } catch (error) {
    await owned.close();
    throw error;
  }
}

/**
 * The variables with which a program's AWS calls reach a running Scones, whichever client it uses and however old that is.
 * The certificate of that server's own authority is fetched from it and kept below `dataDirectory`.
 */
export async function clientEnvironment(client: ClientConfig, dataDirectory: string): Promise<Record<string, string>> {
  const answer = await fetch(new URL(authorityPath, client.endpointUrl));
  if (!answer.ok)
    throw new Error(`${client.endpointUrl} does not hand out its certificate: it answered ${answer.status}`);
  const certificate = await answer.text();
  const folder = join(dataDirectory, "trusted");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const bundlePath = join(folder, `${createHash("sha256").update(certificate).digest("hex").slice(0, 16)}.pem`);
  saveBundle(bundlePath, certificate);
  return clientVariables({
    url: client.endpointUrl,
    region: client.region,
    credential: client.credentials,
    bundlePath,
  });
}

/** What was opened is closed in the reverse order, once. */
function closers() {
  let opened: { close(): unknown }[] = [];
  return {
    add<T extends { close(): unknown }>(owner: T): T {
      opened.push(owner);
      return owner;
    },
    async close(): Promise<void> {
      const all = opened.reverse();
      opened = [];
      const failures: unknown[] = [];
      for (const owner of all) {
        try {
          await owner.close();
        } catch (error) {
          failures.push(error); // The others still have something to write, or a lock to give back.
        }
      }
      if (failures.length > 0) {
        throw new Error(`what could not be written when closing is lost: ${failures.map(String).join("; ")}`, {
          cause: failures[0],
        });
      }
    },
  };
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("a part was used before Scones was put together");
  return value;
}
