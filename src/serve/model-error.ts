import { Fault } from "../kit/fault.ts";

/** Where an error points the reader to: the names in AWS's texts. */
export interface ErrorPlace {
  endpointName: string;
  region: string;
  accountId: string;
}

/** The model answered 4xx or 5xx, or nothing (0): SageMaker's ModelError, in its words. */
export function modelError(status: number, message: string, place: ErrorPlace): Fault {
  const { endpointName, region, accountId } = place;
  const group = `/aws/sagemaker/Endpoints/${endpointName}`;
  const side = status >= 400 && status < 500 ? "client" : "server";
  const logs = `https://${region}.console.aws.amazon.com/cloudwatch/home?region=${region}#logEventViewer:group=${group}`;
  const text = `Received ${side} error (${status}) from primary with message "${message}". See ${logs} in account ${accountId} for more information.`;
  return new Fault("ModelError", text, {
    status: 424,
    members: {
      OriginalStatusCode: status,
      OriginalMessage: message,
      LogStreamArn: `arn:aws:logs:${region}:${accountId}:log-group:${group}`,
    },
  });
}

/** As AWS answers for an endpoint that is not there, or not there yet. */
export function endpointNotFound({ endpointName, accountId }: ErrorPlace): Fault {
  return new Fault("ValidationError", `Endpoint ${endpointName} of account ${accountId} not found.`);
}
