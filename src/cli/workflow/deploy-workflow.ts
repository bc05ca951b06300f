import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { PutRuleCommand, PutTargetsCommand } from "@aws-sdk/client-eventbridge";
import { CreateStateMachineCommand, StateMachineAlreadyExists, UpdateStateMachineCommand } from "@aws-sdk/client-sfn";
import { CreateTopicCommand, ListSubscriptionsByTopicCommand, SubscribeCommand } from "@aws-sdk/client-sns";
import { CreateQueueCommand, GetQueueAttributesCommand } from "@aws-sdk/client-sqs";
import type { Clients } from "../clients.ts";
import { deployFunction } from "./deploy-functions.ts";
import { names, roleArn, stateMachineArn } from "./names.ts";

/** The files of the example that the command line deploys; they are what a user copies and changes. */
export const exampleFolder = new URL("../../../examples/scones-unlimited/", import.meta.url);

export type FunctionLanguage = "typescript" | "python";

export interface Workflow {
  functions: string[];
  chainArn: string;
  fanOutArn: string;
}

/** The three functions and the two state machines that compose them; deploying again replaces code and definitions. */
export async function deployWorkflow(
  clients: Clients,
  options: { endpointName: string; threshold: number; language: FunctionLanguage; folder?: URL },
): Promise<Workflow> {
  const folder = options.folder ?? exampleFolder;
  const environments: Record<string, Record<string, string>> = {
    [names.functions.serialize]: {},
    [names.functions.classify]: { ENDPOINT: options.endpointName },
    [names.functions.filter]: { THRESHOLD: String(options.threshold) },
  };
  await Promise.all(
    Object.entries(environments).map(([name, environment]) =>
      deployFunction(clients, { name, file: sourceFile(folder, options.language, name), environment }),
    ),
  );
  const [chainArn, fanOutArn] = await Promise.all([
    deployStateMachine(clients, names.chain, new URL("state-machine.asl.json", folder)),
    deployStateMachine(clients, names.fanOut, new URL("fan-out.asl.json", folder)),
  ]);
  return { functions: Object.keys(environments), chainArn, fanOutArn };
}

function sourceFile(folder: URL, language: FunctionLanguage, name: string): string {
  const file = language === "python" ? `${name.replaceAll("-", "_")}.py` : `${name}.ts`;
  return fileURLToPath(new URL(`functions/${language}/${file}`, folder));
}

async function deployStateMachine(clients: Clients, name: string, definitionFile: URL): Promise<string> {
  const definition = await readFile(definitionFile, "utf8");
  const arn = stateMachineArn(clients, name);
  try {
    await clients.sfn.send(new CreateStateMachineCommand({ name, definition, roleArn: roleArn(clients) }));
  } catch (error) {
    if (!(error instanceof StateMachineAlreadyExists)) throw error;
    await clients.sfn.send(
      new UpdateStateMachineCommand({ stateMachineArn: arn, definition, roleArn: roleArn(clients) }),
    );
  }
  return arn;
}

export interface Alerts {
  topicArn: string;
  queueUrl: string;
  /** The mail address has not confirmed its subscription yet. */
  isMailPending: boolean;
}

/** A topic that hears of every execution that fails, times out or is aborted, and a queue and a mail address that listen to it. */
export async function deployAlerts(
  clients: Clients,
  options: { chainArn: string; email: string | undefined },
): Promise<Alerts> {
  const topicArn = (await clients.sns.send(new CreateTopicCommand({ Name: names.topic }))).TopicArn ?? "";
  const queueUrl = (await clients.sqs.send(new CreateQueueCommand({ QueueName: names.queue }))).QueueUrl ?? "";
  const attributes = await clients.sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ["QueueArn"] }),
  );
  await subscribe(clients, topicArn, { Protocol: "sqs", Endpoint: attributes.Attributes?.["QueueArn"] ?? "" });
  const isMailPending =
    options.email !== undefined &&
    (await subscribe(clients, topicArn, { Protocol: "email", Endpoint: options.email })) === pendingConfirmation;
  await clients.events.send(
    new PutRuleCommand({
      Name: names.rule,
      EventPattern: JSON.stringify({
        source: ["aws.states"],
        "detail-type": ["Step Functions Execution Status Change"],
        detail: { stateMachineArn: [options.chainArn], status: ["FAILED", "TIMED_OUT", "ABORTED"] },
      }),
    }),
  );
  await clients.events.send(
    new PutTargetsCommand({
      Rule: names.rule,
      Targets: [
        {
          Id: "tell-somebody",
          Arn: topicArn,
          InputTransformer: {
            InputPathsMap: { status: "$.detail.status", name: "$.detail.name", execution: "$.detail.executionArn" },
            InputTemplate: '"<status>: execution <name>. Look at it with: scones graph <execution>"',
          },
        },
      ],
    }),
  );
  return { topicArn, queueUrl, isMailPending };
}

const pendingConfirmation = "pending confirmation";

// Subscribing twice would deliver twice. Answers the subscription's ARN, or that it is still to be confirmed.
async function subscribe(
  clients: Clients,
  topicArn: string,
  endpoint: { Protocol: string; Endpoint: string },
): Promise<string | undefined> {
  const { Subscriptions = [] } = await clients.sns.send(new ListSubscriptionsByTopicCommand({ TopicArn: topicArn }));
  const present = Subscriptions.find(
    (entry) => entry.Protocol === endpoint.Protocol && entry.Endpoint === endpoint.Endpoint,
  );
  if (present?.SubscriptionArn?.startsWith("arn:")) return present.SubscriptionArn;
  const made = await clients.sns.send(new SubscribeCommand({ TopicArn: topicArn, ...endpoint }));
  return made.SubscriptionArn;
}
