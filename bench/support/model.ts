import { createHash } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { encodePng } from "../../src/images/png-encode.ts";
import { servedModel } from "../../src/learn/graph/models.ts";
import { initialWeights } from "../../src/learn/initial-weights.ts";
import { layoutOf, type Network } from "../../src/learn/network.ts";
import { randomFrom } from "../../src/learn/random.ts";
import type { ModelManifest } from "../../src/ports/model-package.ts";
import { packFolder } from "../../src/serve/pack-folder.ts";
import { askOnce } from "./load.ts";
import type { Credential } from "./request.ts";
import { requestBytes } from "./request.ts";

const side = 32;

/** A model package with random weights: how fast a network answers does not depend on what it has learned. */
export function modelFolder(network: Network): string {
  const layout = layoutOf(network);
  const weights = { ...initialWeights(layout, 1), mean: [128, 128, 128], deviation: [64, 64, 64], temperature: 1 };
  const model = servedModel(network, layout, { weights, height: side, width: side });
  const manifest: ModelManifest = {
    format: "scones.image-classifier/1",
    model: { file: "model.onnx", sha256: createHash("sha256").update(model).digest("hex") },
    input: { name: "image", width: side, height: side, mean: [0, 0, 0], deviation: [1, 1, 1] },
    output: { name: "probabilities", kind: "probabilities" },
    labels: Array.from({ length: network.classes }, (_, n) => `class ${n}`),
    provenance: {},
  };
  const folder = mkdtempSync(join(tmpdir(), "scones-bench-"));
  writeFileSync(join(folder, "model.onnx"), model);
  writeFileSync(join(folder, "model.json"), JSON.stringify(manifest));
  return folder;
}

/** A picture as hard to decode as a photograph: about 3 kB. */
export function noisyPicture(): Uint8Array {
  const random = randomFrom(1);
  const data = Uint8Array.from({ length: side * side * 3 }, () => random.integer(256));
  return encodePng({ width: side, height: side, data });
}

/** Puts the package behind an endpoint `bench` of a running server, every request captured. */
export async function deploy(url: string, folder: string, workers: number, credential?: Credential): Promise<void> {
  const put = (path: string, body: Uint8Array = new Uint8Array()) =>
    askOnce(url, requestBytes(url, { method: "PUT", path, service: "s3", body }, credential));
  const call = (operation: string, input: object) => {
    const headers = { "content-type": "application/x-amz-json-1.1", "x-amz-target": `SageMaker.${operation}` };
    const body = Buffer.from(JSON.stringify(input));
    return askOnce(
      url,
      requestBytes(url, { method: "POST", path: "/", service: "sagemaker", headers, body }, credential),
    );
  };
  await put("/bench");
  await put("/bench/model.tar.gz", await buffer(packFolder(folder)));
  await call("CreateModel", {
    ModelName: "bench",
    ExecutionRoleArn: "arn:aws:iam::000000000000:role/bench",
    PrimaryContainer: {
      Image: "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1",
      ModelDataUrl: "s3://bench/model.tar.gz",
    },
  });
  const variant = { VariantName: "all", ModelName: "bench", InstanceType: "ml.m5.xlarge", InitialVariantWeight: 1 };
  await call("CreateEndpointConfig", {
    EndpointConfigName: "bench",
    ProductionVariants: [{ ...variant, InitialInstanceCount: workers }],
    DataCaptureConfig: {
      EnableCapture: true,
      InitialSamplingPercentage: 100,
      DestinationS3Uri: "s3://bench/captured",
      CaptureOptions: [{ CaptureMode: "Input" }, { CaptureMode: "Output" }],
    },
  });
  await call("CreateEndpoint", { EndpointName: "bench", EndpointConfigName: "bench" });
  for (;;) {
    const described = await call("DescribeEndpoint", { EndpointName: "bench" });
    const { EndpointStatus: status } = JSON.parse(described) as { EndpointStatus: string };
    if (status === "InService") return;
    if (status !== "Creating") throw new Error(described);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** One inference of the endpoint `bench`. */
export function invocation(url: string, picture: Uint8Array, credential?: Credential): Buffer {
  const path = "/endpoints/bench/invocations";
  const headers = { "content-type": "image/png" };
  return requestBytes(url, { method: "POST", path, service: "sagemaker", headers, body: picture }, credential);
}
