import { table } from "../draw/text.ts";
import { namedClasses } from "../monitor/capture-record.ts";
import { connect } from "./clients.ts";
import { exitCodes, type Invocation, textOption } from "./command.ts";
import { classify } from "./workflow/classify.ts";
import { endpointLabels } from "./workflow/labels.ts";
import { names } from "./workflow/names.ts";
import { readImage } from "./workflow/read-image.ts";

export async function run(invocation: Invocation): Promise<number> {
  const { positionals, terminal, signal } = invocation;
  const endpointName = textOption(invocation, "endpoint-name") ?? names.endpoint;
  const clients = await connect(invocation);
  try {
    const labels = await endpointLabels(clients, endpointName);
    const results = [];
    for (const image of positionals) {
      const bytes = await readImage(image);
      const asked = classify(clients, endpointName, { name: image, bytes }, signal);
      const { confidence, probabilities } = await asked.catch((error: Error) => {
        throw Object.assign(error, { message: `${image}: ${error.message}` });
      });
      const said = namedClasses(probabilities).map((k) => labels[k] ?? `class-${k}`);
      results.push({ image, prediction: said.join(" and ") || "none", confidence, probabilities });
    }
    terminal.json(results);
    if (!terminal.isJson) {
      const rows = results.map(({ image, prediction, confidence, probabilities }) => {
        const said = namedClasses(probabilities).map((k) => probabilities[k]!.toFixed(3));
        return [image, prediction, said.join(" ") || confidence.toFixed(3)];
      });
      for (const line of table(
        [{ title: "image" }, { title: "prediction" }, { title: "confidence", align: "right" }],
        rows,
      ))
        terminal.print(line);
    }
    return exitCodes.done;
  } finally {
    clients.close();
  }
}
