import { Fault } from "../../kit/fault.ts";

/** The data that a job was given cannot be trained on: the customer's business, in AWS's words for its built-in algorithms. */
export function dataFault(message: string, cause?: unknown): Fault {
  return new Fault("ClientError", message, { cause });
}
