import { invalid } from "./resource-names.ts";

/** What the List operations of this service have in common. */
export interface ListInput {
  MaxResults?: number;
  NextToken?: string;
  NameContains?: string;
  SortBy?: string;
  SortOrder?: string;
  StatusEquals?: string;
  CreationTimeAfter?: Date;
  CreationTimeBefore?: Date;
  LastModifiedTimeAfter?: Date;
  LastModifiedTimeBefore?: Date;
}

export interface Listed {
  name: string;
  createdMs: number;
  modifiedMs: number;
  status?: string;
  /** Of a training job of a tuning job. */
  objective?: number | undefined;
  /** Of a monitoring execution. */
  scheduledMs?: number;
}

/** AWS's page size where the caller names none. */
const defaultMaxResults = 10;

/** Filters, orders and cuts; the token names the last item of the page before, so a page survives what is added or deleted meanwhile. */
export function listPage<T extends Listed>(
  all: readonly T[],
  input: ListInput,
  defaultOrder: "Ascending" | "Descending",
): { page: T[]; NextToken?: string } {
  const { key, isDescending } = orderOf(input, defaultOrder);
  const compare = (a: Place, b: Place) =>
    a.key < b.key ? -1 : a.key > b.key ? 1 : a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
  const placed = all
    .filter((item) => matches(item, input))
    .map((item) => ({ item, key: key(item), name: item.name }))
    .sort((a, b) => (isDescending ? compare(b, a) : compare(a, b)));
  const after = input.NextToken === undefined ? undefined : readToken(input.NextToken);
  const rest =
    after === undefined
      ? placed
      : placed.filter((one) => (isDescending ? compare(one, after) < 0 : compare(one, after) > 0));
  const page = rest.slice(0, input.MaxResults ?? defaultMaxResults);
  const last = page.at(-1);
  const items = page.map(({ item }) => item);
  return last === undefined || page.length === rest.length ? { page: items } : { page: items, NextToken: token(last) };
}

interface Place {
  key: string | number;
  name: string;
}

function orderOf(
  { SortBy, SortOrder }: ListInput,
  defaultOrder: string,
): { key: (item: Listed) => string | number; isDescending: boolean } {
  const keys: Record<string, (item: Listed) => string | number> = {
    Name: (item) => item.name,
    CreationTime: (item) => item.createdMs,
    LastModifiedTime: (item) => item.modifiedMs,
    Status: (item) => item.status ?? "",
    ScheduledTime: (item) => item.scheduledMs ?? item.createdMs,
    FinalObjectiveMetricValue: (item) => item.objective ?? -Number.MAX_VALUE,
  };
  const name = SortBy ?? "CreationTime";
  const key = Object.hasOwn(keys, name) ? keys[name] : undefined;
  if (key === undefined) throw invalid(`SortBy "${SortBy}" is none of ${Object.keys(keys).join(", ")}.`);
  return { key, isDescending: (SortOrder ?? defaultOrder) === "Descending" };
}

function matches(item: Listed, input: ListInput): boolean {
  return (
    (input.NameContains === undefined || item.name.toLowerCase().includes(input.NameContains.toLowerCase())) &&
    (input.StatusEquals === undefined || item.status === input.StatusEquals) &&
    (input.CreationTimeAfter === undefined || item.createdMs >= input.CreationTimeAfter.getTime()) &&
    (input.CreationTimeBefore === undefined || item.createdMs <= input.CreationTimeBefore.getTime()) &&
    (input.LastModifiedTimeAfter === undefined || item.modifiedMs >= input.LastModifiedTimeAfter.getTime()) &&
    (input.LastModifiedTimeBefore === undefined || item.modifiedMs <= input.LastModifiedTimeBefore.getTime())
  );
}

function token({ key, name }: Place): string {
  return Buffer.from(JSON.stringify([key, name])).toString("base64url");
}

function readToken(text: string): Place {
  try {
    const [key, name] = JSON.parse(Buffer.from(text, "base64url").toString()) as [unknown, unknown];
    if ((typeof key === "string" || typeof key === "number") && typeof name === "string") return { key, name };
  } catch {
    // falls through to the refusal
  }
  throw invalid("NextToken is not one that this operation gave.");
}
