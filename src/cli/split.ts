import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { ZipFile } from "yazl";
import { exitCodes, type Invocation, textOption, UsageError } from "./command.ts";
import { names } from "./workflow/names.ts";
import { type HandlerPart, SplitError, splitHandlers } from "./workflow/split-handlers.ts";

/** What AWS's console calls the only file of a new function. */
const moduleName = "lambda_function";

export async function run(invocation: Invocation): Promise<number> {
  const { terminal } = invocation;
  const [file = ""] = invocation.positionals;
  const out = textOption(invocation, "out") ?? ".";
  const parts = partsOf(file, await textOf(file));
  const functionNames = chosenNames(parts, textOption(invocation, "names"));
  const functions = [];
  for (const [i, { handler, line, source }] of parts.entries()) {
    const name = functionNames[i] as string;
    const written = await write(join(out, name), source);
    functions.push({ name, line, handler: `${moduleName}.${handler}`, ...written });
  }
  terminal.json({ functions });
  for (const { name, line, handler, zip } of functions) {
    terminal.print(`${name}  ${handler}, from line ${line}  ${zip}`);
  }
  const [first] = functions;
  terminal.note(
    `next: aws lambda create-function --function-name ${first?.name} --runtime python3.12 --handler ${first?.handler} ` +
      `--role arn:aws:iam::000000000000:role/functions --zip-file fileb://${first?.zip}`,
  );
  return exitCodes.done;
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(code === "ENOENT" ? `there is no file ${file}` : `cannot read ${file}: ${message}`, {
      cause: error,
    });
  }
}

function partsOf(file: string, text: string): HandlerPart[] {
  try {
    return splitHandlers(text);
  } catch (error) {
    if (!(error instanceof SplitError)) throw error;
    throw new Error(`${file} cannot be split: ${error.message}`, { cause: error });
  }
}

function chosenNames(parts: readonly HandlerPart[], given: string | undefined): string[] {
  const chosen = given?.split(",").map((name) => name.trim()) ?? suggestedNames(parts);
  const seen = parts.map(({ handler, line }) => `${handler} (line ${line})`).join(", ");
  if (chosen.length !== parts.length) {
    throw new UsageError(`--names has ${chosen.length} names for ${parts.length} handlers, in this order: ${seen}`);
  }
  const wrong = chosen.find((name) => !/^[\w-]{1,64}$/.test(name));
  if (wrong !== undefined) throw new UsageError(`--names: "${wrong}" is no function name (letters, digits, - and _)`);
  if (new Set(chosen).size < chosen.length)
    throw new UsageError(`--names: each handler needs a name of its own: ${seen}`);
  return chosen;
}

/** By what a handler seems to do, if no other seems to do the same; else by its place. */
function suggestedNames(parts: readonly HandlerPart[]): string[] {
  return parts.map(({ role, handler }, i) => {
    const isOnlyOne = (of: (part: HandlerPart) => unknown, value: unknown) =>
      parts.filter((part) => of(part) === value).length === 1;
    if (role !== undefined && isOnlyOne((part) => part.role, role)) return names.functions[role];
    return isOnlyOne((part) => part.handler, handler) ? handler : `function-${i + 1}`;
  });
}

/** A folder to look at and an archive to deploy. What is there already is left alone. */
async function write(folder: string, source: string): Promise<{ folder: string; zip: string }> {
  const zip = `${folder}.zip`;
  const archive = new ZipFile();
  archive.addBuffer(Buffer.from(source), `${moduleName}.py`, { mtime: new Date(0), mode: 0o100644 });
  archive.end();
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, `${moduleName}.py`), source, { flag: "wx" });
    await writeFile(zip, await buffer(archive.outputStream), { flag: "wx" });
  } catch (error) {
    const { code, path } = error as NodeJS.ErrnoException;
    if (code !== "EEXIST") throw error;
    throw new Error(`${path} is there already: remove it, or choose another --out`, { cause: error });
  }
  return { folder, zip };
}
