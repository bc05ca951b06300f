// How a function's process is shut off from the machine and from other functions.
//
// Where Linux lets us (root or unprivileged user namespaces), every environment has mounts of its own: the code, read-only, on
// /var/task, an empty memory-backed /tmp with the function's quota, and what we lend on /var/runtime. It has a process
// tree of its own too, so that ending it ends everything it has started. Nothing of this is visible outside or stays behind.
// Elsewhere (macOS, locked-down containers) processes share /tmp: then a function runs one at a time, and we say so.
import { spawn } from "node:child_process";
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { findProgram } from "./programs.ts";
import { findRestraint, type Restraint } from "./restraint.ts";

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
  memoryBytes: number;
  /** What the process needs of a /tmp that it will not see: the interpreter, if it lies there. */
  lends: readonly string[];
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

// Everything is mounted before /tmp is covered, because each of the sources may lie below /tmp. What must stay where it is
// there (an interpreter) is mounted into the new /tmp while that is made beside it.
// Descriptor 3 is the lifeline: it ends when the server does, however that ended, and then everything in here is killed.
// Messages of the shell about how the process died do not belong in the function's log: hence descriptor 4.
const script = `
[ $$ = 1 ] || exit 125
var=$1; code=$2; scones=$3; modules=$4; size=$5; lends=$6; shift 6
ulimit -c 0
echo 900 2>/dev/null > /proc/self/oom_score_adj
mount -t tmpfs -o "size=\${size}m,mode=1777" tmpfs "$var/.tmp" || exit 125
while [ "$lends" -gt 0 ]; do
  target="$var/.tmp/\${1#/tmp/}"
  if [ -d "$1" ]; then mkdir -p "$target"; else mkdir -p "\${target%/*}" && : > "$target"; fi
  mount --rbind "$1" "$target" || exit 125
  mount -o remount,bind,ro "$target" 2>/dev/null
  shift; lends=$((lends - 1))
done
mount --rbind /var "$var/.host" && mount --rbind "$var" /var && mount --rbind "$code" /var/task || exit 125
mount -o remount,bind,ro /var/task 2>/dev/null
mount --rbind "$scones" /var/runtime/scones && mount --rbind "$modules" /var/runtime/node_modules || exit 125
mount --rbind /var/.tmp /tmp && cd /var/task || exit 125
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
  const shared: Shared = { folder, modules, searchPath: options.searchPath };
  if (options.kind === "none") return sharedIsolation(shared, "private mounts are switched off");
  if (process.platform !== "linux") return sharedIsolation(shared, `${process.platform} has no mount namespaces`);
  const unshare = findProgram("unshare", options.searchPath);
  if (unshare === undefined) return sharedIsolation(shared, "the program unshare (util-linux) is not installed");
  const varFolder = privateVar(folder);
  let reason = "";
  for (const rights of [[], ["--user", "--map-root-user"]]) {
    const enter = [unshare, ...rights, "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c", script, "sh"];
    const restraint = await findRestraint({ searchPath: options.searchPath, isInUserNamespace: rights.length > 0 });
    const isolation = namespaceIsolation({ enter, varFolder, modules, restraint });
    const place = isolation.place({ codeFolder: folder, ephemeralStorageMb: 1, memoryBytes: 2 ** 30, lends: [] });
    const failure = await tryToRun(place.wrap(["/bin/sh", "-c", "test -d /var/runtime/scones && : > /tmp/probe"]));
    if (failure === undefined) return isolation;
    reason ||= failure;
  }
  return sharedIsolation(shared, `this machine does not allow private mounts (${reason})`);
}

function namespaceIsolation({ enter, varFolder, modules, restraint }: Namespaces): Isolation {
  return {
    isPrivate: true,
    place: ({ codeFolder, ephemeralStorageMb, memoryBytes, lends }) => ({
      taskRoot: "/var/task",
      runtimeFolder: "/var/runtime",
      bootstrapFolder: "/var/runtime/scones",
      tmpFolder: "/tmp",
      cwd: "/",
      wrap: (command) => [
        ...enter,
        ...[varFolder, codeFolder, bootstrapFolder, modules, String(ephemeralStorageMb)],
        ...[String(lends.length), ...lends],
        ...restraint.wrap(command, { memoryBytes, userId: restraint.nextUserId() }),
      ],
      isWrapped: true,
      remove: () => {},
    }),
  };
}

interface Shared {
  folder: string;
  modules: string;
  searchPath: string;
}

interface Namespaces {
  /** What enters the namespaces and runs the script. */
  enter: string[];
  varFolder: string;
  modules: string;
  restraint: Restraint;
}

async function sharedIsolation({ folder, modules, searchPath }: Shared, reason: string): Promise<Isolation> {
  const restraint = await findRestraint({ searchPath, isInUserNamespace: false });
  const tmpRoot = join(folder, "tmp");
  rmSync(tmpRoot, { recursive: true, force: true }); // what a killed server left
  mkdirSync(tmpRoot, { recursive: true });
  return {
    isPrivate: false,
    reason,
    place({ codeFolder, memoryBytes }) {
      lendModules(dirname(codeFolder), modules);
      const tmpFolder = mkdtempSync(join(tmpRoot, "environment-"));
      const userId = restraint.nextUserId();
      if (userId !== undefined) chownSync(tmpFolder, userId, userId);
      return {
        taskRoot: codeFolder,
        runtimeFolder: bootstrapFolder,
        bootstrapFolder,
        tmpFolder,
        cwd: codeFolder,
        wrap: (command) => restraint.wrap(command, { memoryBytes, userId }),
        isWrapped: false,
        remove() {
          endProcessesOf(tmpFolder);
          rmSync(tmpFolder, { recursive: true, force: true });
        },
      };
    },
  };
}

/** Ends what has left the process group of an environment: all that was started there knows its folder. */
function endProcessesOf(tmpFolder: string): void {
  if (process.platform !== "linux") return;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const isOurs = readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(`TMPDIR=${tmpFolder}`);
      if (isOurs) process.kill(Number(pid), "SIGKILL");
    } catch (error) {
      // Somebody else's, or gone meanwhile.
      if (!["ENOENT", "ESRCH", "EACCES", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }
}

/**
 * What /var looks like from within: the host's entries as links into .host, and beside them task, runtime and node_modules.
 * Node looks for packages in node_modules of every folder above the code: /var/node_modules lends the AWS SDK to both
 * kinds of modules, after whatever the function brought along.
 */
function privateVar(folder: string): string {
  const root = join(folder, "var");
  rmSync(root, { recursive: true, force: true });
  for (const name of [".host", ".tmp", "task", "runtime/scones", "runtime/node_modules"]) {
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
