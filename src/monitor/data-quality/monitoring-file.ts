/** A file of a monitoring job that cannot be read; the message names the file, the place in it, and what was expected there. */
export class MonitoringFileError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "MonitoringFileError";
  }
}

/** One JSON object of a file, read member by member; whatever nobody asks for is left alone. */
export interface Fields {
  number(name: string): number | undefined;
  text(name: string): string | undefined;
  flag(name: string): boolean | undefined;
  choice<Value extends string>(name: string, values: readonly Value[]): Value | undefined;
  object(name: string): Fields | undefined;
  /** Empty where the member is absent. */
  list(name: string): Fields[];
  texts(name: string): string[] | undefined;
  numberLists(name: string): number[][];
  names(): string[];
  /** As it stands in the file. */
  value(name: string): unknown;
  required<Value>(name: string, value: Value | undefined): Value;
}

interface Place {
  file: string;
  /** Such as `features[3].completeness`; empty at the top. */
  path: string;
  value: unknown;
}

export function monitoringFile(file: string, text: string): Place {
  try {
    return { file, path: "", value: JSON.parse(text) };
  } catch (error) {
    throw new MonitoringFileError(`${file} is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

export function fieldsOf(place: Place): Fields {
  if (!isObject(place.value)) throw wrong(place, "a JSON object");
  const members = place.value;
  // `null` is absent, too: that is how some libraries write what they have not got.
  const at = (name: string): Place => ({
    file: place.file,
    path: place.path === "" ? name : `${place.path}.${name}`,
    value: members[name] ?? undefined,
  });
  const read = <Value>(name: string, is: (value: unknown) => value is Value, expected: string): Value | undefined => {
    const member = at(name);
    if (member.value === undefined) return undefined;
    if (!is(member.value)) throw wrong(member, expected);
    return member.value;
  };
  return {
    number: (name) => read(name, isNumber, "a number"),
    text: (name) => read(name, isText, "text"),
    flag: (name) => read(name, isFlag, "true or false"),
    choice: <Value extends string>(name: string, values: readonly Value[]) =>
      read(
        name,
        (value): value is Value => (values as readonly unknown[]).includes(value),
        `one of ${values.join(", ")}`,
      ),
    object: (name) => (members[name] === undefined || members[name] === null ? undefined : fieldsOf(at(name))),
    list: (name) =>
      (read(name, Array.isArray, "a list") ?? []).map((value, i) =>
        fieldsOf({ file: place.file, path: `${at(name).path}[${i}]`, value }),
      ),
    texts: (name) => read(name, isTexts, "a list of texts"),
    numberLists: (name) => read(name, isNumberLists, "a list of lists of numbers") ?? [],
    names: () => Object.keys(members),
    value: (name) => at(name).value,
    required: (name, value) => {
      if (value === undefined) throw wrong(at(name), "it to be there");
      return value;
    },
  };
}

/** A number as the analyzer of AWS prints it in a description: whole ones with a decimal. */
export function decimalText(value: number | "NaN"): string {
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

function wrong({ file, path, value }: Place, expected: string): MonitoringFileError {
  const shown = value === undefined ? "missing" : JSON.stringify(value).slice(0, 60);
  return new MonitoringFileError(`${file}: ${path === "" ? "the file" : path} is ${shown}, expected ${expected}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isNumber(value: unknown): value is number {
  return typeof value === "number";
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

function isFlag(value: unknown): value is boolean {
  return typeof value === "boolean";
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(isText);
}

function isNumberLists(value: unknown): value is number[][] {
  return Array.isArray(value) && value.every((list) => Array.isArray(list) && list.every(isNumber));
}
