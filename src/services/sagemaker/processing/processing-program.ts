import type { AppSpecification } from "@aws-sdk/client-sagemaker";
import { invalid } from "../resource-names.ts";

export interface Program {
  command: string;
  args: readonly string[];
  /** Said in the job's log before the program's own words. */
  notice?: string;
}

/** The programs that Scones brings itself, by the repository's name in their image URI. */
export type ProcessingPrograms = Readonly<Record<string, () => Program>>;

/**
 * The program behind an AppSpecification. `ContainerEntrypoint` names one and is run with what is installed on this machine,
 * whatever the image holds; without it the image must be one of our own (in any registry) or `process:COMMAND`.
 */
export function programOf(specification: AppSpecification | undefined, programs: ProcessingPrograms): Program {
  const { ImageUri: image = "", ContainerEntrypoint, ContainerArguments = [] } = specification ?? {};
  if (ContainerEntrypoint !== undefined && ContainerEntrypoint.length > 0) {
    const [command, ...args] = ContainerEntrypoint as [string, ...string[]];
    const notice = image.startsWith("process:")
      ? {}
      : { notice: `the image ${image} is not pulled: ${command} is this machine's own` };
    return { command, args: [...args, ...ContainerArguments], ...notice };
  }
  if (image.startsWith("process:")) {
    const command = image.slice("process:".length);
    return { command: "/bin/sh", args: ["-c", `${command} "$@"`, "sh", ...ContainerArguments] };
  }
  const repository = image.split("/").at(-1)?.split(/[:@]/)[0] as string;
  const builtIn = Object.hasOwn(programs, repository) ? programs[repository]?.() : undefined;
  if (builtIn !== undefined) return builtIn;
  throw invalid(
    `The image "${image}" cannot be run here: the built-in ones are ${Object.keys(programs).join(", ")}; a program of your own is started by a ContainerEntrypoint such as ["python3", "/opt/ml/processing/input/code/script.py"] or by the image "process:COMMAND".`,
  );
}
