import { DescribeEndpointCommand, type DescribeEndpointOutput } from "@aws-sdk/client-sagemaker";
import { DescribeStateMachineCommand } from "@aws-sdk/client-sfn";
import type { Clients } from "../clients.ts";

// What a command needs and an earlier one makes: when it is missing, the error names that command.

export async function requiredEndpoint(clients: Clients, endpointName: string): Promise<DescribeEndpointOutput> {
  try {
    return await clients.sagemaker.send(new DescribeEndpointCommand({ EndpointName: endpointName }));
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes("Could not find endpoint")) throw error;
    throw new Error(`there is no endpoint ${endpointName}; deploy one with: scones deploy`, { cause: error });
  }
}

export async function requiredStateMachine(clients: Clients, stateMachineArn: string): Promise<string> {
  try {
    await clients.sfn.send(new DescribeStateMachineCommand({ stateMachineArn }));
    return stateMachineArn;
  } catch (error) {
    if ((error as Error).name !== "StateMachineDoesNotExist") throw error;
    const name = stateMachineArn.split(":").at(-1);
    throw new Error(`there is no state machine ${name}; deploy it with: scones deploy`, { cause: error });
  }
}
