import { Fault } from "../../kit/fault.ts";

/** What a caller's word for a function means: accounts and regions only name things, they never hide them. */
export interface FunctionName {
  name: string;
  /** `$LATEST`, a version or an alias; absent when the caller gave none. */
  qualifier?: string;
}

/** Understands `name`, `name:qualifier`, `account:function:name`, `function:name` and ARNs of any account and region. */
export function parseFunctionName(text: string, qualifier?: string): FunctionName {
  const decoded = decodeName(text);
  const marker = decoded.lastIndexOf("function:");
  const [name, inName, ...rest] = (marker < 0 ? decoded : decoded.slice(marker + "function:".length)).split(":");
  if (!name || rest.length > 0 || !/^[a-zA-Z0-9_-]{1,140}$/.test(name)) throw invalidName(text);
  if (inName !== undefined && !/^[$a-zA-Z0-9_-]{1,128}$/.test(inName)) throw invalidName(text);
  if (inName !== undefined && qualifier !== undefined && inName !== qualifier) {
    const message = `The derived qualifier from the function name does not match the specified qualifier.`;
    throw new Fault("InvalidParameterValueException", message, { members: { Type: "User" } });
  }
  return { name, qualifier: inName ?? qualifier };
}

function decodeName(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalidName(text);
  }
}

function invalidName(text: string): Fault {
  return new Fault(
    "ValidationException",
    `1 validation error detected: Value '${text}' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: ` +
      "(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso(b?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?",
  );
}

export function functionNotFound(arn: string): Fault {
  return new Fault("ResourceNotFoundException", `Function not found: ${arn}`, {
    status: 404,
    members: { Type: "User" },
  });
}
