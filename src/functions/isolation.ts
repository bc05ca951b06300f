// How a function's process is shut off from the machine and from other functions.
//
// Where Linux lets us (root or unprivileged user namespaces), every environment has mounts of its own: the code, read-only, on
// /var/task, an empty memory-backed /tmp with the function's quota, and what we lend on /var/runtime. It has a process
// tree of its own too, so that ending it ends everything it has started. Nothing of this is visible outside or stays behind.
// Elsewhere (macOS, locked-down containers) processes share /tmp: then a function runs one at a time, and we say so.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

export interface Isolation {
  /** Whether functions may run several times at once without seeing each other's /tmp. */
  isPrivate: boolean;
  /** Why not, for people. */
  reason?: string;
  place(options: PlaceOptions): Place;
}

interface PlaceOptions {
  codeFolder: string;
  ephemeralStorageMb: number;
}

/** Where one environment's process runs. */
export interface Place {
  taskRoot: string;
  runtimeFolder: string;
  bootstrapFolder: string;
  tmpFolder: string;
  /** The directory to start in, as seen from outside. */
  cwd: string;
  /** What to run so that `command` runs in this place. */
  wrap(command: string[]): string[];
  /** Whether it runs behind a wrapper: which wants a pipe as descriptor 3, and tells a death by signal N as status 128 + N. */
  isWrapped: boolean;
  remove(): void;
}

export interface IsolationOptions {
  /** A folder of our own for what environments need. */
  folder: string;
  /** The value of PATH. */
  searchPath: string;
  /** `none` forces the shared form. */
  kind?: "auto" | "none";
}

const bootstrapFolder = join(import.meta.dirname, "bootstrap");
const lentScopes = ["@aws-sdk", "@smithy"];
const probeTimeoutMs = 5000;

// Everything is mounted before /tmp is covered, because each of the sources may lie below /tmp.
// Descriptor 3 is the lifeline: it ends when the server does, however that ended, and then everything in here is killed.
// Messages of the shell about how the process died do not belong in the function's log: hence descriptor 4.
const script = `
[ $$ = 1 ] || exit 125
var=$1; code=$2; scones=$3; modules=$4; size=$5; shift 5
ulimit -c 0
mount --rbind /var "$var/.host" && mount --rbind "$var" /var && mount --rbind "$code" /var/task || exit 125
mount -o remount,bind,ro /var/task 2>/dev/null
mount --rbind "$scones" /var/runtime/scones && mount --rbind "$modules" /var/runtime/node_modules || exit 125
mount -t tmpfs -o "size=\${size}m,mode=1777" tmpfs /tmp && cd /var/task || exit 125
unset OLDPWD
exec 4>&2 2>/dev/null
(read -r _ <&3; kill -9 -1) >/dev/null 4>&- &
"$@" 2>&4 3<&- 4>&-
exit $?
`;

/** Finds out, once, what this machine allows. */
export async function findIsolation(options: IsolationOptions): Promise<Isolation> {
  mkdirSync(options.folder, { recursive: true });
  const folder = realpathSync(options.folder);
  const modules = sdkModules();
  if (options.kind === "none") return sharedIsolation(folder, modules, "private mounts are switched off");
  if (process.platform !== "linux") {
    return sharedIsolation(folder, modules, `${process.platform} has no mount namespaces`);
  }
  const unshare = findProgram("unshare", options.searchPath);
  if (unshare === undefined)
    return sharedIsolation(folder, modules, "the program unshare (util-linux) is not installed");
  const varFolder = privateVar(folder);
  let reason = "";
  for (const rights of [[], ["--user", "--map-root-user"]]) {
    const enter = [unshare, ...rights, "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", script, "sh"];
    const isolation = namespaceIsolation(enter, varFolder, modules);
    const place = isolation.place({ codeFolder: folder, ephemeralStorageMb: 1 });
    const failure = await tryToRun(place.wrap(["/bin/sh", "-c", "test -d /var/runtime/scones && : > /tmp/probe"]));
    if (failure === undefined) return isolation;
    reason ||= failure;
  }
  return sharedIsolation(folder, modules, `this machine does not allow private mounts (${reason})`);
}

function namespaceIsolation(enter: string[], varFolder: string, modules: string): Isolation {
  return {
    isPrivate: true,
    place: ({ codeFolder, ephemeralStorageMb }) => ({
      taskRoot: "/var/task",
      runtimeFolder: "/var/runtime",
      bootstrapFolder: "/var/runtime/scones",
      tmpFolder: "/tmp",
      cwd: "/",
      wrap: (command) => [
        ...enter,
        ...[varFolder, codeFolder, bootstrapFolder, modules, String(ephemeralStorageMb)],
        ...command,
      ],
      isWrapped: true,
      remove: () => {},
    }),
  };
}

function sharedIsolation(folder: string, modules: string, reason: string): Isolation {
  const tmpRoot = join(folder, "tmp");
  rmSync(tmpRoot, { recursive: true, force: true }); // what a killed server left
  mkdirSync(tmpRoot, { recursive: true });
  return {
    isPrivate: false,
    reason,
    place({ codeFolder }) {
      lendModules(dirname(codeFolder), modules);
      const tmpFolder = mkdtempSync(join(tmpRoot, "environment-"));
      return {
        taskRoot: codeFolder,
        runtimeFolder: bootstrapFolder,
        bootstrapFolder,
        tmpFolder,
        cwd: codeFolder,
        wrap: (command) => command,
        isWrapped: false,
        remove: () => rmSync(tmpFolder, { recursive: true, force: true }),
      };
    },
  };
}

/**
 * What /var looks like from within: the host's entries as links into .host, and beside them task, runtime and node_modules.
 * Node looks for packages in node_modules of every folder above the code: /var/node_modules lends the AWS SDK to both
 * kinds of modules, after whatever the function brought along.
 */
function privateVar(folder: string): string {
  const root = join(folder, "var");
  rmSync(root, { recursive: true, force: true });
  for (const name of [".host", "task", "runtime/scones", "runtime/node_modules"]) {
    mkdirSync(join(root, name), { recursive: true });
  }
  lendModules(root, "/var/runtime/node_modules");
  for (const name of readdirSync("/var")) {
    if (!existsSync(join(root, name))) symlinkSync(join(".host", name), join(root, name));
  }
  return root;
}

function lendModules(parent: string, modules: string): void {
  const target = join(parent, "node_modules");
  mkdirSync(target, { recursive: true });
  for (const scope of lentScopes) {
    try {
      symlinkSync(join(modules, scope), join(target, scope));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}

/** The node_modules folder that holds the AWS SDK this program depends on. */
function sdkModules(): string {
  for (let folder = import.meta.dirname; folder !== dirname(folder); folder = dirname(folder)) {
    const modules = join(folder, "node_modules");
    if (existsSync(join(modules, "@aws-sdk", "client-s3"))) return realpathSync(modules);
  }
  throw new Error("the AWS SDK is not installed beside this program: run npm install");
}

function findProgram(name: string, searchPath: string): string | undefined {
  const folders = [...searchPath.split(delimiter), "/usr/bin", "/bin"];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** Nothing when the command succeeds, else what it said. */
function tryToRun([command, ...args]: string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(command!, args, { env: { PATH: functionPath }, stdio: ["ignore", "ignore", "pipe", "pipe"] });
    const timer = setTimeout(() => child.kill("SIGKILL"), probeTimeoutMs);
    let said = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      said += chunk;
    });
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve(code === 0 ? undefined : said.trim().split("\n")[0] || `exit status ${code}`);
    });
  });
}

/** PATH inside functions. */
export const functionPath = "/usr/local/bin:/usr/bin:/bin:/opt/bin";
