// State machines of our own in the shapes that people draw or generate: the same three tasks, and every way to carry data.

type Fields = Record<string, unknown>;

export interface Chain {
  /** Names of the functions, in order. */
  functions: readonly string[];
  /** Fields of every task beside its function, or of each. */
  fields: Fields | readonly Fields[];
  isJsonata?: boolean;
  /** What the last task has instead of `End`. */
  last?: Fields;
  /** Further states. */
  states?: Record<string, Fields>;
  /** Of the whole machine. */
  machine?: Fields;
}

/** Accounts and regions of other people, and one that was masked before it was published. */
const places = ["us-east-1:550555555555", "us-east-2:123456789012", "eu-west-1:************"];

const retry = [
  {
    ErrorEquals: [
      ...["Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException"],
      "Lambda.TooManyRequestsException",
    ],
    ...{ IntervalSeconds: 1, MaxAttempts: 3, BackoffRate: 2, JitterStrategy: "FULL" },
  },
];

export function definitionOf({ functions, fields, isJsonata, last = { End: true }, states, machine }: Chain): string {
  const tasks = functions.map((name, i) => {
    const own = (Array.isArray(fields) ? fields[i] : fields) as Fields;
    const FunctionName = `arn:aws:lambda:${places[i % places.length]}:function:${name}${i === 1 ? "" : ":$LATEST"}`;
    const holder = isJsonata ? "Arguments" : "Parameters";
    const next = functions[i + 1];
    const task = {
      ...{ Type: "Task", Resource: "arn:aws:states:::lambda:invoke", Retry: retry },
      ...own,
      [holder]: { FunctionName, ...(own[holder] as Fields | undefined) },
      ...(next === undefined ? last : { Next: next }),
    };
    return [name, task];
  });
  return JSON.stringify({
    ...(isJsonata && { QueryLanguage: "JSONata" }),
    ...machine,
    StartAt: functions[0],
    States: { ...Object.fromEntries(tasks), ...states },
  });
}
