import type { Channel, CreateTrainingJobRequest } from "@aws-sdk/client-sagemaker";

/** The numbers of a `.lst` file for what a line of an augmented manifest says of its picture; `undefined` where it says nothing of the kind. */
export interface LabelReader {
  (value: unknown): number[] | undefined;
  /** What is looked for, for people. */
  what: string;
}

/**
 * A class number, or with `multi_label=1` a list: a 0 or a 1 for each class, or (`label-format=class-id` in the content type, which is what
 * Ground Truth writes) the numbers of the classes that are there. Lists may be given as text.
 */
export function labelReader(
  { ContentType = "" }: Pick<Channel, "ContentType">,
  { HyperParameters = {} }: Pick<CreateTrainingJobRequest, "HyperParameters">,
): LabelReader {
  const given = (name: string) => HyperParameters[name]?.trim().replace(/^"(.*)"$/, "$1") ?? "";
  if (!/^(1|true)$/i.test(given("multi_label"))) {
    const readOne = (value: unknown) => {
      const label = numberIn(value);
      return label === undefined ? undefined : [label];
    };
    return Object.assign(readOne, { what: "class number" });
  }
  const isById = /;\s*label-format\s*=\s*"?class-id\b/i.test(ContentType);
  const classes = Number(given("num_classes"));
  const readList = (value: unknown) => {
    const list = listIn(value)?.map(numberIn);
    if (list === undefined || list.some((label) => label === undefined)) return undefined;
    if (!isById) return list as number[];
    if (list.some((label) => (label as number) >= classes)) return undefined;
    return Array.from({ length: classes }, (_, k) => (list.includes(k) ? 1 : 0));
  };
  const what = isById
    ? `list of class numbers below num_classes=${given("num_classes")}`
    : "list of a 0 or a 1 per class";
  return Object.assign(readList, { what });
}

function numberIn(value: unknown): number | undefined {
  const isText = typeof value === "string" && value.trim() !== "";
  const number = typeof value === "number" || isText ? Number(value) : Number.NaN;
  return Number.isInteger(number) && number >= 0 ? number : undefined;
}

function listIn(value: unknown): unknown[] | undefined {
  if (typeof value !== "string") return Array.isArray(value) ? value : undefined;
  try {
    return listIn(JSON.parse(value));
  } catch {
    return undefined; // neither a list nor the text of one
  }
}
