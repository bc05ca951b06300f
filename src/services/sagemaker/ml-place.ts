import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";

/*
 * Programs written for SageMaker find their files below /opt/ml. Where Linux lets us (root or unprivileged user namespaces), a
 * program runs in mounts of its own, in which the job's folder lies there; the rest of /opt is what it was, and nothing of it is
 * visible outside or stays behind. Elsewhere (macOS, locked-down containers) /opt/ml in the command and in the environment is
 * replaced by the folder's name.
 */
export const mlRoot = "/opt/ml";

export interface MlPlace {
  /** The path as the program must be told it. */
  inPlace(text: string): string;
  /** What to run so that the program finds the folder. */
  wrap(program: { command: string; args: readonly string[] }): { command: string; args: readonly string[] };
}

/** Finds a program its place, with `ml` as /opt/ml; beside `ml` there must be nothing named `opt`. */
export type MlPlaces = (ml: string) => Promise<MlPlace>;

/** The folder under its own name: for programs that ask for it, and where nothing else can be had. */
export function hostPlace(ml: string): MlPlace {
  return { inPlace: (text) => text.replaceAll(mlRoot, ml), wrap: (program) => program };
}

// /opt as the program sees it: the host's entries as links into .host, and beside them ml.
const script = `
opt=$1; ml=$2; shift 2
mount --rbind "$ml" "$opt/ml" && mount --rbind /opt "$opt/.host" && mount --rbind "$opt" /opt || exit 126
exec "$@"
`;
const probeTimeoutMs = 5_000;

/** Finds out what this machine allows, when that is asked for first; `directory` is ours to try in. */
export function mlPlaces(directory: string, environment: () => Readonly<Record<string, string>>): MlPlaces {
  let found: Promise<MlPlaces> | undefined;
  return async (ml) => {
    found ??= findPlaces(directory, environment()).catch((error: unknown) => {
      found = undefined; // the next job tries again
      throw error;
    });
    return (await found)(ml);
  };
}

async function findPlaces(directory: string, environment: Readonly<Record<string, string>>): Promise<MlPlaces> {
  if (process.platform === "linux" && existsSync("/opt")) {
    const ml = join(directory, "ml");
    try {
      await mkdir(join(ml, "input"), { recursive: true });
      for (const rights of [[], ["--user", "--map-root-user"]]) {
        const places: MlPlaces = (folder) => mounted(folder, rights);
        const { command, args } = (await places(ml)).wrap({ command: "test", args: ["-d", `${mlRoot}/input`] });
        if (await succeeds(command, args, environment)) return places;
      }
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }
  return async (ml) => hostPlace(ml);
}

async function mounted(ml: string, rights: readonly string[]): Promise<MlPlace> {
  const opt = join(dirname(ml), "opt");
  await rm(opt, { recursive: true, force: true }); // of the same job, before it was interrupted
  await mkdir(join(opt, "ml"), { recursive: true });
  await mkdir(join(opt, ".host"), { recursive: true });
  for (const name of await readdir("/opt")) {
    if (name !== "ml") await symlink(join(".host", name), join(opt, name));
  }
  const enter = [...rights, "--mount", "/bin/sh", "-c", script, "sh", opt, ml];
  return {
    inPlace: (text) => text,
    wrap: ({ command, args }) => ({ command: "unshare", args: [...enter, command, ...args] }),
  };
}

function succeeds(command: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(command, args, { env, timeout: probeTimeoutMs }, (error) => resolve(error === null));
  });
}
