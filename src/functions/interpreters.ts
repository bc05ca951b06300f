// Which installed program runs which runtime. Node functions run on the Node that runs Scones; Python ones on the installed
// Python that fits best: one that has boto3 (AWS's has it too), then the version asked for, then the nearest.
import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { Fault } from "../kit/fault.ts";

export interface Interpreter {
  path: string;
  version: string;
  /** What of it lies below /tmp, which functions see only their own of. */
  lends: readonly string[];
  /** For people: what runs this runtime, where it is not exactly what was asked for. */
  note?: string;
}

export interface Interpreters {
  /** A fault that says what to install when nothing can run this runtime. */
  forRuntime(runtime: string): Promise<Interpreter>;
}

export interface InterpreterOptions {
  /** Where to look for Pythons: the value of PATH. */
  searchPath: string;
  /** Use this Python and no other. */
  python?: string;
  /** Default: the Node that runs Scones. */
  node?: string;
}

export const nodeRuntimes = ["nodejs16.x", "nodejs18.x", "nodejs20.x", "nodejs22.x", "nodejs24.x"] as const;
export const pythonRuntimes = [8, 9, 10, 11, 12, 13, 14].map((minor) => `python3.${minor}`);

interface Python {
  path: string;
  version: string;
  minor: number;
  hasBoto3: boolean;
  /** Folders that it reads its libraries from. */
  prefixes: readonly string[];
}

/** Older Pythons lack what the bootstrap and current boto3 need. */
const oldestMinor = 8;
/** A Python that does not say its version within this time is not used. */
const probeTimeoutMs = 10_000;
const probe =
  "import sys,json,importlib.util as u;" +
  "print(json.dumps([sys.executable,list(sys.version_info[:3]),u.find_spec('boto3') is not None,[sys.prefix,sys.base_prefix]]))";

export function findInterpreters(options: InterpreterOptions): Interpreters {
  let found: Promise<Python[]> | undefined;

  async function pythons(): Promise<Python[]> {
    found ??= findPythons(options);
    const list = await found;
    if (list.length === 0) found = undefined; // look again next time: one may be installed meanwhile
    return list;
  }

  return {
    async forRuntime(runtime) {
      if (runtime.startsWith("nodejs")) return nodeFor(runtime, options.node ?? process.execPath);
      const wanted = Number(/^python3\.(\d+)$/.exec(runtime)?.[1]);
      const best = (await pythons()).sort((a, b) => rank(b, wanted) - rank(a, wanted))[0];
      if (best === undefined) throw missingPython(runtime, options);
      const hint = best.hasBoto3 ? "" : "; it has no boto3: install it, for example with python3 -m pip install boto3";
      const isExact = best.minor === wanted && best.hasBoto3;
      const note = isExact ? undefined : `${runtime} runs on Python ${best.version} (${best.path})${hint}`;
      const lends = [...new Set(best.prefixes)].filter(isBelowTmp);
      return { path: best.path, version: best.version, lends, note };
    },
  };
}

function nodeFor(runtime: string, path: string): Interpreter {
  const version = process.versions.node;
  const isExact = runtime === `nodejs${version.split(".")[0]}.x`;
  return {
    path,
    version,
    lends: [path].filter(isBelowTmp),
    note: isExact ? undefined : `${runtime} runs on Node.js ${version} (${path})`,
  };
}

const isBelowTmp = (path: string): boolean => path.startsWith("/tmp/");

function missingPython(runtime: string, options: InterpreterOptions): Fault {
  const where = options.python
    ? `${options.python} is not a Python 3.${oldestMinor} or newer`
    : "there is none on PATH";
  return new Fault(
    "InvalidParameterValueException",
    `The runtime ${runtime} needs Python 3.${oldestMinor} or newer, but ${where}. ` +
      "Install python3 with boto3 (Debian: apt install python3 python3-boto3; macOS: brew install python and pip install boto3) and try again.",
  );
}

function rank(python: Python, wantedMinor: number): number {
  const distance = Math.abs(python.minor - wantedMinor);
  return (python.hasBoto3 ? 1000 : 0) - distance * 2 + (python.minor > wantedMinor ? 1 : 0);
}

async function findPythons({ python, searchPath }: InterpreterOptions): Promise<Python[]> {
  const probed = await Promise.all((python ? [python] : candidates(searchPath)).map((path) => ask(path, searchPath)));
  const byPath = new Map(probed.filter((it) => it !== undefined).map((it) => [it.path, it]));
  return [...byPath.values()].filter((it) => it.minor >= oldestMinor);
}

function candidates(searchPath: string): string[] {
  const names = ["python3", ...pythonRuntimes];
  const folders = [...new Set(searchPath.split(delimiter))].filter((folder) => folder !== "");
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).filter(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

type Said = [executable: string, version: [number, number, number], hasBoto3: boolean, prefixes: string[]];

/** What a program that calls itself Python is; nothing when it does not answer as one. */
function ask(path: string, searchPath: string): Promise<Python | undefined> {
  return new Promise((resolve) => {
    const options = { timeout: probeTimeoutMs, env: { PATH: searchPath, HOME: "/" }, killSignal: "SIGKILL" as const };
    execFile(path, ["-c", probe], options, (error, stdout) => {
      if (error !== null) return resolve(undefined);
      const [executable, version, hasBoto3, prefixes] = JSON.parse(stdout) as Said;
      resolve({ path: executable, version: version.join("."), minor: version[1], hasBoto3, prefixes });
    });
  });
}
