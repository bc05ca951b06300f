import {
  DescribeExecutionCommand,
  DescribeStateMachineCommand,
  DescribeStateMachineForExecutionCommand,
  type HistoryEvent,
  paginateGetExecutionHistory,
} from "@aws-sdk/client-sfn";
import { graphSvg } from "../../draw/graph.ts";
import type { Clients } from "../clients.ts";

/** The graph of a state machine as its newest revision defines it. */
export async function stateMachineGraph(clients: Clients, stateMachineArn: string): Promise<string> {
  const machine = await clients.sfn.send(new DescribeStateMachineCommand({ stateMachineArn }));
  return graphSvg(JSON.parse(machine.definition ?? "{}"), { title: machine.name ?? stateMachineArn });
}

/** The graph of the definition that an execution runs, its states coloured by what became of them. */
export async function executionGraph(clients: Clients, executionArn: string): Promise<string> {
  const [execution, machine] = await Promise.all([
    clients.sfn.send(new DescribeExecutionCommand({ executionArn })),
    clients.sfn.send(new DescribeStateMachineForExecutionCommand({ executionArn })),
  ]);
  const history: HistoryEvent[] = [];
  for await (const page of paginateGetExecutionHistory({ client: clients.sfn, pageSize: 1000 }, { executionArn }))
    history.push(...(page.events ?? []));
  return graphSvg(JSON.parse(machine.definition ?? "{}"), {
    history,
    title: machine.name ?? "",
    subtitle: [execution.name, execution.status, execution.error].filter(Boolean).join(" · "),
  });
}
