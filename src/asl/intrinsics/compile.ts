import type { Json } from "../../kit/json.ts";
import type { Environment } from "../evaluation.ts";
import { runtimeFailure } from "../failure.ts";
import { type CompiledPath, compileParsedPath } from "../paths/read.ts";
import { rootOf } from "../paths/root.ts";
import { IntrinsicError } from "./format.ts";
import { type IntrinsicFunction, intrinsicFunctions } from "./functions.ts";
import { type Argument, type Call, IntrinsicSyntaxError, parseIntrinsic } from "./parse.ts";

type Evaluated = (environment: Environment) => Json;

/** Compiles a call, or throws an IntrinsicSyntaxError (also for unknown functions and a wrong number of arguments). */
export function compileIntrinsic(text: string): Evaluated {
  return compileCall(parseIntrinsic(text));
}

function compileCall(call: Call): Evaluated {
  const known = intrinsicFunctions.get(call.name);
  if (known === undefined) throw new IntrinsicSyntaxError(`there is no intrinsic function ${call.name}`);
  if (call.arguments.length < known.fewest || call.arguments.length > known.most) {
    throw new IntrinsicSyntaxError(`${call.name} does not take ${call.arguments.length} arguments`);
  }
  const args = call.arguments.map((argument) => compileArgument(argument, call));
  const raw = call.arguments.map((argument) => (argument.type === "literal" ? argument.raw : undefined));
  return (environment) => {
    const values = args.map((evaluate) => evaluate(environment));
    return callFunction(known, { call, values, raw, environment });
  };
}

function callFunction(
  known: IntrinsicFunction,
  given: { call: Call; values: Json[]; raw: (string | undefined)[]; environment: Environment },
): Json {
  try {
    return known.call(given.values, { raw: given.raw, random: given.environment.random });
  } catch (error) {
    if (!(error instanceof IntrinsicError)) throw error;
    throw runtimeFailure(`The function '${given.call.text}' had the following error: ${error.message}`);
  }
}

function compileArgument(argument: Argument, call: Call): Evaluated {
  switch (argument.type) {
    case "literal":
      return () => argument.value;
    case "call":
      return compileCall(argument);
    case "path":
      return pathArgument(compileParsedPath(argument.path), call);
    default:
      return argument satisfies never;
  }
}

function pathArgument(path: CompiledPath, call: Call): Evaluated {
  return (environment) => {
    const root = rootOf(path, environment);
    const value = root === undefined ? undefined : path.find(root);
    if (value !== undefined) return value;
    const input = JSON.stringify(environment.data);
    const reason = `The JsonPath argument for the field '${path.text}' could not be found in the input '${input}'`;
    throw runtimeFailure(`The function '${call.text}' had the following error: ${reason}`);
  };
}
