import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";

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

// /opt as the program sees it: the host's entries as links into .host, and beside them ml.
const script = `
opt=$1; ml=$2; shift 2
mount --rbind "$ml" "$opt/ml" && mount --rbind /opt "$opt/.host" && mount --rbind "$opt" /opt || exit 126
exec "$@"
`;
const probeTimeoutMs = 5_000;
/** Beside the folders of jobs; no job has such a name. */
export const probeName = ".probe";

/** Finds out what this machine allows; `directory` is ours to try in. */
export async function findMlPlaces(
  directory: string,
  environment: Readonly<Record<string, string>>,
): Promise<(jobFolder: string) => Promise<MlPlace>> {
  if (process.platform === "linux" && existsSync("/opt")) {
    const probe = join(directory, probeName);
    try {
      await mkdir(join(probe, "ml", "processing"), { recursive: true });
      for (const rights of [[], ["--user", "--map-root-user"]]) {
        await rm(join(probe, "opt"), { recursive: true, force: true });
        const places = (jobFolder: string) => mounted(jobFolder, rights);
        const { command, args } = (await places(probe)).wrap({ command: "test", args: ["-d", `${mlRoot}/processing`] });
        if (await succeeds(command, args, environment)) return places;
      }
    } finally {
      await rm(probe, { recursive: true, force: true });
    }
  }
  return async (jobFolder) => ({
    inPlace: (text) => text.replaceAll(mlRoot, join(jobFolder, "ml")),
    wrap: (program) => program,
  });
}

async function mounted(jobFolder: string, rights: readonly string[]): Promise<MlPlace> {
  const opt = join(jobFolder, "opt");
  await mkdir(join(opt, "ml"), { recursive: true });
  await mkdir(join(opt, ".host"), { recursive: true });
  for (const name of await readdir("/opt")) {
    if (name !== "ml") await symlink(join(".host", name), join(opt, name));
  }
  const enter = [...rights, "--mount", "/bin/sh", "-c", script, "sh", opt, join(jobFolder, "ml")];
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
