import { Fault } from "../../kit/fault.ts";

export function noSuchBucket(bucket: string): Fault {
  return new Fault("NoSuchBucket", "The specified bucket does not exist", {
    status: 404,
    members: { BucketName: bucket },
  });
}

export function noSuchKey(key: string, headers: Record<string, string> = {}): Fault {
  return new Fault("NoSuchKey", "The specified key does not exist.", { status: 404, members: { Key: key }, headers });
}

export function noSuchVersion(versionId: string): Fault {
  return new Fault("NoSuchVersion", "The specified version does not exist.", {
    status: 404,
    members: { VersionId: versionId },
  });
}

/** The answer to HEAD: it has no body, and clients then show exactly these words. */
export function headNotFound(headers: Readonly<Record<string, string>> = {}): Fault {
  return new Fault("NotFound", "Not Found", { status: 404, headers: { ...headers } });
}

export function preconditionFailed(condition: string): Fault {
  return new Fault("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", {
    status: 412,
    members: { Condition: condition },
  });
}

export function invalidArgument(message: string, name: string, value: unknown): Fault {
  return new Fault("InvalidArgument", message, { members: { ArgumentName: name, ArgumentValue: String(value) } });
}

export function malformedXml(reason = ""): Fault {
  const message = "The XML you provided was not well-formed or did not validate against our published schema";
  return new Fault("MalformedXML", reason === "" ? message : `${message}: ${reason}`);
}

export function notImplemented(what: string): Fault {
  return new Fault(
    "NotImplemented",
    `A header you provided implies functionality that is not implemented: ${what} (see COMPATIBILITY.md)`,
    { status: 501 },
  );
}
