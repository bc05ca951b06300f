import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A Python that can import torch, and the environment it needs for that. */
export interface PyTorch {
  python: string;
  environment: NodeJS.ProcessEnv;
  version: string;
}

/**
 * PyTorch for processors: one that is installed, else Debian's package unpacked into a folder of its own, else a wheel in a virtual
 * environment. `undefined` when none can be had; the bench then says so.
 */
export function findPyTorch(): PyTorch | undefined {
  const folder = join(tmpdir(), "scones-bench-pytorch");
  const environmentPython = join(folder, "venv", "bin", "python");
  for (const python of ["python3", "/usr/bin/python3", environmentPython]) {
    const found = tried({ python, environment: process.env });
    if (found !== undefined) return found;
  }
  const unpacked = debianFolder(folder);
  if (existsSync(unpacked)) return tried(debian(unpacked));
  mkdirSync(folder, { recursive: true });
  process.stderr.write("PyTorch is not installed: fetching it\n");
  if (unpackDebian(folder)) return tried(debian(unpacked));
  const isMade = spawnSync("python3", ["-m", "venv", join(folder, "venv")]).status === 0;
  const isInstalled = isMade && spawnSync(environmentPython, ["-m", "pip", "install", "--quiet", "torch"]).status === 0;
  return isInstalled ? tried({ python: environmentPython, environment: process.env }) : undefined;
}

function debianFolder(folder: string): string {
  return join(folder, "debian");
}

/** Downloads the package with all it needs and unpacks it; nothing of the system is changed. */
function unpackDebian(folder: string): boolean {
  const archives = join(folder, "archives");
  mkdirSync(join(archives, "partial"), { recursive: true });
  const options = ["--yes", "--no-install-recommends", "--download-only", "-o", `Dir::Cache::archives=${archives}`];
  if (spawnSync("apt-get", ["install", ...options, "python3-torch"]).status !== 0) return false;
  for (const name of readdirSync(archives).filter((file) => file.endsWith(".deb"))) {
    if (spawnSync("dpkg", ["-x", join(archives, name), debianFolder(folder)]).status !== 0) return false;
  }
  rmSync(archives, { recursive: true });
  return true;
}

function debian(root: string): Omit<PyTorch, "version"> {
  const usual = join(root, "usr/lib/x86_64-linux-gnu");
  const libraries = [
    usual,
    join(root, "lib/x86_64-linux-gnu"),
    join(root, "usr/lib"),
    join(usual, "blas"),
    join(usual, "lapack"),
  ];
  return {
    python: "/usr/bin/python3",
    environment: {
      ...process.env,
      PYTHONPATH: join(root, "usr/lib/python3/dist-packages"),
      LD_LIBRARY_PATH: libraries.join(":"),
    },
  };
}

function tried(candidate: Omit<PyTorch, "version">): PyTorch | undefined {
  const asked = spawnSync(candidate.python, ["-c", "import torch; print(torch.__version__)"], {
    env: candidate.environment,
    encoding: "utf8",
  });
  return asked.status === 0 ? { ...candidate, version: asked.stdout.trim() } : undefined;
}

export interface Speed {
  processes: number;
  threads: number;
  batch: number;
  groups: number;
  steps: number;
  network: string;
  side: number;
}

/** Pictures per second of each group of steps, summed over `processes` that run side by side, each with its own threads and batch. */
export async function pytorchSpeed(
  { python, environment }: PyTorch,
  { processes, threads, batch, groups, steps, network, side }: Speed,
): Promise<number[]> {
  const program = join(import.meta.dirname, "..", "..", "..", "bench", "support", "pytorch-step.py");
  const args = [program, ...[threads, batch, groups, steps, network, side].map(String)];
  // Threads that spin while they wait would eat the cores of the others.
  const env = { ...environment, OMP_WAIT_POLICY: "PASSIVE", OMP_NUM_THREADS: String(threads) };
  const outputs = await Promise.all(
    Array.from({ length: processes }, async () => {
      const child = spawn(python, args, { env, stdio: ["ignore", "pipe", "inherit"] });
      let text = "";
      child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      const code = await new Promise((resolve) => child.on("close", resolve));
      if (code !== 0) throw new Error(`PyTorch ended with ${code}`);
      return text.trim().split("\n").map(Number);
    }),
  );
  return outputs[0]!.map((_, group) => outputs.reduce((sum, output) => sum + output[group]!, 0));
}
