import type { MessageAttribute } from "./records.ts";
import type { Signer } from "./signing.ts";

/** A link is followed without a signature: the date of the interface then says that it is SNS's. */
const version = "2010-03-31";

/** What a subscriber gets; the order of the members is SNS's. */
export interface NotificationParts {
  messageId: string;
  topicArn: string;
  subscriptionArn: string;
  subject?: string;
  message: string;
  timestamp: string;
  attributes: Record<string, MessageAttribute>;
  signatureVersion: "1" | "2";
  baseUrl: string;
}

export function notification(parts: NotificationParts, signer: Signer): Record<string, unknown> {
  const signed = {
    Message: parts.message,
    MessageId: parts.messageId,
    ...(parts.subject !== undefined && { Subject: parts.subject }),
    Timestamp: parts.timestamp,
    TopicArn: parts.topicArn,
    Type: "Notification",
  };
  const attributes = Object.entries(parts.attributes);
  return {
    Type: "Notification",
    MessageId: parts.messageId,
    TopicArn: parts.topicArn,
    ...(parts.subject !== undefined && { Subject: parts.subject }),
    Message: parts.message,
    Timestamp: parts.timestamp,
    ...signature(signed, parts, signer),
    UnsubscribeURL: `${parts.baseUrl}/?Action=Unsubscribe&Version=${version}&SubscriptionArn=${parts.subscriptionArn}`,
    ...(attributes.length > 0 && { MessageAttributes: Object.fromEntries(attributes.map(attributeOf)) }),
  };
}

export interface ConfirmationParts {
  type: "SubscriptionConfirmation" | "UnsubscribeConfirmation";
  subscriptionArn: string;
  messageId: string;
  topicArn: string;
  token: string;
  timestamp: string;
  signatureVersion: "1" | "2";
  baseUrl: string;
}

export function confirmation(parts: ConfirmationParts, signer: Signer): Record<string, unknown> {
  const { topicArn, subscriptionArn, token, baseUrl } = parts;
  const signed = {
    Message:
      parts.type === "SubscriptionConfirmation"
        ? `You have chosen to subscribe to the topic ${topicArn}.\nTo confirm the subscription, visit the SubscribeURL included in this message.`
        : `You have chosen to deactivate subscription ${subscriptionArn}.\nTo cancel this operation and restore the subscription, visit the SubscribeURL included in this message.`,
    MessageId: parts.messageId,
    SubscribeURL: `${baseUrl}/?Action=ConfirmSubscription&Version=${version}&TopicArn=${topicArn}&Token=${token}`,
    Timestamp: parts.timestamp,
    Token: token,
    TopicArn: topicArn,
    Type: parts.type,
  };
  return {
    Type: signed.Type,
    MessageId: signed.MessageId,
    Token: token,
    TopicArn: topicArn,
    Message: signed.Message,
    SubscribeURL: signed.SubscribeURL,
    Timestamp: signed.Timestamp,
    ...signature(signed, parts, signer),
  };
}

/** Key, newline, value, newline, for each member in this order: what a receiver puts together again to check it. */
function signature(
  signed: Record<string, string>,
  { signatureVersion, baseUrl }: { signatureVersion: "1" | "2"; baseUrl: string },
  signer: Signer,
): object {
  const text = Object.entries(signed)
    .map(([name, value]) => `${name}\n${value}\n`)
    .join("");
  return {
    SignatureVersion: signatureVersion,
    Signature: signer.sign(text, signatureVersion),
    SigningCertURL: `${baseUrl}${signer.certificatePath}`,
  };
}

function attributeOf([name, { DataType, StringValue, BinaryValue }]: [string, MessageAttribute]) {
  return [name, { Type: DataType, Value: StringValue ?? BinaryValue }] as const;
}
