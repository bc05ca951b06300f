// What hangs on a function beside its code: permissions (kept and shown, not evaluated), tags, reserved concurrency.
import type {
  AddPermissionRequest,
  GetFunctionConcurrencyRequest,
  GetPolicyRequest,
  ListTagsRequest,
  PutFunctionConcurrencyRequest,
  RemovePermissionRequest,
  TagResourceRequest,
  UntagResourceRequest,
} from "@aws-sdk/client-lambda";
import { Fault } from "../../kit/fault.ts";
import type { Call, Handler } from "../../wire/service.ts";
import { arnOf, type LambdaContext } from "./lambda-context.ts";
import { parseFunctionName } from "./names.ts";

export function attributeHandlers({ records }: LambdaContext): Record<string, Handler> {
  const locate = (text: string | undefined, call: Call) => {
    const { name } = parseFunctionName(text!);
    return { name, arn: arnOf(call, name) };
  };

  return {
    AddPermission(input: AddPermissionRequest, call: Call) {
      const { name, arn } = locate(input.FunctionName, call);
      const statement = statementOf(input, arn);
      records.change(name, arn, (old) => {
        if (old.statements.some(({ Sid }) => Sid === input.StatementId)) {
          const message = `The statement id (${input.StatementId}) provided already exists. Please provide a new statement id, or remove the existing statement.`;
          throw new Fault("ResourceConflictException", message, { status: 409, members: { Type: "User" } });
        }
        return { ...old, statements: [...old.statements, statement] };
      });
      return { Statement: JSON.stringify(statement) };
    },
    RemovePermission(input: RemovePermissionRequest, call: Call) {
      const { name, arn } = locate(input.FunctionName, call);
      records.change(name, arn, (old) => {
        const statements = old.statements.filter(({ Sid }) => Sid !== input.StatementId);
        if (statements.length === old.statements.length)
          throw missing(`Statement ${input.StatementId} is not found in resource policy.`);
        return { ...old, statements };
      });
      return {};
    },
    GetPolicy(input: GetPolicyRequest, call: Call) {
      const { name, arn } = locate(input.FunctionName, call);
      const { statements, configuration } = records.need(name, arn);
      if (statements.length === 0) throw missing("The resource you requested does not exist.");
      const Policy = JSON.stringify({ Version: "2012-10-17", Id: "default", Statement: statements });
      return { Policy, RevisionId: configuration.RevisionId };
    },
    TagResource(input: TagResourceRequest, call: Call) {
      const { name, arn } = locate(input.Resource, call);
      records.change(name, arn, (old) => ({ ...old, tags: { ...old.tags, ...input.Tags } }));
      return {};
    },
    UntagResource(input: UntagResourceRequest, call: Call) {
      const { name, arn } = locate(input.Resource, call);
      const keeps = ([key]: [string, string]) => !input.TagKeys?.includes(key);
      records.change(name, arn, (old) => ({
        ...old,
        tags: Object.fromEntries(Object.entries(old.tags).filter(keeps)),
      }));
      return {};
    },
    ListTags(input: ListTagsRequest, call: Call) {
      const { name, arn } = locate(input.Resource, call);
      return { Tags: records.need(name, arn).tags };
    },
    PutFunctionConcurrency(input: PutFunctionConcurrencyRequest, call: Call) {
      const { name, arn } = locate(input.FunctionName, call);
      const reservedConcurrency = input.ReservedConcurrentExecutions;
      records.change(name, arn, (old) => ({ ...old, reservedConcurrency }));
      return { ReservedConcurrentExecutions: reservedConcurrency };
    },
    GetFunctionConcurrency(input: GetFunctionConcurrencyRequest, call: Call) {
      const { name, arn } = locate(input.FunctionName, call);
      const { reservedConcurrency } = records.need(name, arn);
      return reservedConcurrency === undefined ? {} : { ReservedConcurrentExecutions: reservedConcurrency };
    },
    DeleteFunctionConcurrency(input: GetFunctionConcurrencyRequest, call: Call) {
      const { name, arn } = locate(input.FunctionName, call);
      records.change(name, arn, ({ reservedConcurrency: _, ...rest }) => rest);
      return {};
    },
  };
}

function statementOf(input: AddPermissionRequest, arn: string): Record<string, unknown> {
  const principal = input.Principal!;
  const service = principal.includes(".") ? { Service: principal } : undefined;
  const account = /^\d{12}$/.test(principal) ? `arn:aws:iam::${principal}:root` : principal;
  const conditions = {
    ...(input.SourceAccount && { StringEquals: { "AWS:SourceAccount": input.SourceAccount } }),
    ...(input.SourceArn && { ArnLike: { "AWS:SourceArn": input.SourceArn } }),
  };
  return {
    Sid: input.StatementId,
    Effect: "Allow",
    Principal: principal === "*" ? "*" : (service ?? { AWS: account }),
    Action: input.Action,
    Resource: input.Qualifier === undefined ? arn : `${arn}:${input.Qualifier}`,
    ...(Object.keys(conditions).length > 0 && { Condition: conditions }),
  };
}

function missing(message: string): Fault {
  return new Fault("ResourceNotFoundException", message, { status: 404, members: { Type: "User" } });
}
