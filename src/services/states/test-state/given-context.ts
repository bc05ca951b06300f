import { Fault } from "../../../kit/fault.ts";
import type { Json } from "../../../kit/json.ts";
import type { Fields } from "./definition-under-test.ts";

type Kind = "string" | "number" | "any";

/** The context object's members and what they hold. */
const known: { [name: string]: { [name: string]: Kind } } = {
  Execution: {
    Id: "string",
    Input: "any",
    Name: "string",
    RoleArn: "string",
    StartTime: "string",
    RedriveCount: "number",
  },
  State: { EnteredTime: "string", Name: "string", RetryCount: "number" },
  StateMachine: { Id: "string", Name: "string" },
  Task: { Token: "string" },
};

/** The context object that a test gives in place of the real one. */
export function givenContext(text: string, state: Fields): Json {
  const context = parsed(text);
  for (const [name, value] of Object.entries(context)) {
    if (name === "Map") throw refused("'Map' field is not supported when mocking a Context object");
    const members = Object.hasOwn(known, name) ? known[name] : undefined;
    if (members === undefined) throw refused(`Field '${name}' is not allowed`);
    if (name === "Task" && !isCallback(state)) {
      const where = "a Task state with a '.sync' or '.waitForTaskToken' service integration pattern";
      throw refused(`Context object contains 'Task' when state is not ${where}`);
    }
    if (!isObject(value)) throw refused(`${name} must be a JSON object`);
    for (const [member, one] of Object.entries(value)) {
      const kind = Object.hasOwn(members, member) ? members[member] : undefined;
      if (kind === undefined) throw refused(`Field '${member}' is not allowed`);
      if (kind !== "any" && typeof one !== kind) throw refused(`${name}.${member} must be a ${kind}`);
    }
  }
  return context;
}

function parsed(text: string): Fields {
  let context: Json = null;
  try {
    context = JSON.parse(text) as Json;
  } catch {
    // Refused below, like everything that is not an object.
  }
  if (!isObject(context)) throw refused("Context object must be a valid JSON object");
  return context;
}

function isCallback(state: Fields): boolean {
  return state["Type"] === "Task" && /\.(sync|sync:2|waitForTaskToken)$/.test(String(state["Resource"]));
}

function isObject(value: Json): value is Fields {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function refused(text: string): Fault {
  return new Fault("ValidationException", `Invalid Context object provided: ${text}`);
}
