// SNS as a web address meets it: it is asked, agrees by following the link, checks signatures with the certificate, and is told of its end.

import assert from "node:assert/strict";
import { createVerify, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server as WebServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { CreateTopicCommand, PublishCommand, SNSClient, SubscribeCommand } from "@aws-sdk/client-sns";
import { type Server, startServer } from "./server.ts";

type Message = Record<string, string>;

let server: Server;
let web: WebServer;
const received: Message[] = [];
before(async () => {
  server = await startServer();
  web = createServer(async (request, response) => {
    received.push(JSON.parse(Buffer.concat(await request.toArray()).toString()) as Message);
    response.end();
    web.emit("message");
  });
  await once(web.listen(0, "127.0.0.1"), "listening");
});
after(async () => {
  web.close();
  await server?.stop();
});

test("a web address agrees by the link, proves signatures of both versions, and hears of its end", async () => {
  const sns = new SNSClient(server.aws);
  const Endpoint = `http://127.0.0.1:${(web.address() as AddressInfo).port}/`;
  const { TopicArn } = await sns.send(new CreateTopicCommand({ Name: "v2", Attributes: { SignatureVersion: "2" } }));
  const older = await sns.send(new CreateTopicCommand({ Name: "v1" }));
  for (const topic of [TopicArn, older.TopicArn]) {
    await sns.send(new SubscribeCommand({ TopicArn: topic, Protocol: "http", Endpoint }));
    const question = await next("SubscriptionConfirmation");
    await assertProven(question);
    assert.equal((await fetch(question["SubscribeURL"] as string)).status, 200);
    await sns.send(new PublishCommand({ TopicArn: topic, Message: "hello", Subject: "Greeting" }));
    const notification = await next("Notification");
    assert.deepEqual([notification["Message"], notification["TopicArn"]], ["hello", topic]);
    await assertProven(notification);
    assert.equal((await fetch(notification["UnsubscribeURL"] as string)).status, 200);
    await assertProven(await next("UnsubscribeConfirmation"));
  }
});

async function next(type: string): Promise<Message> {
  while (received.length === 0) await once(web, "message");
  const message = received.shift() as Message;
  assert.equal(message["Type"], type);
  return message;
}

/** As AWS describes it: certain members in this order, name and value on a line each, under the certificate's key. */
async function assertProven(message: Message): Promise<void> {
  const names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];
  const text = names.flatMap((name) => (message[name] === undefined ? [] : [name, message[name]])).join("\n");
  const pem = await (await fetch(message["SigningCertURL"] as string)).text();
  const algorithm = message["SignatureVersion"] === "2" ? "RSA-SHA256" : "RSA-SHA1";
  const { publicKey } = new X509Certificate(pem);
  const isProven = createVerify(algorithm)
    .update(`${text}\n`)
    .verify(publicKey, message["Signature"] ?? "", "base64");
  assert.ok(isProven, `${message["Type"]} of version ${message["SignatureVersion"]}`);
}
