import { createHash } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { Transformer } from "@napi-rs/image";
import { encodePng } from "../../src/images/png-encode.ts";
import { servedModel } from "../../src/learn/graph/models.ts";
import { initialWeights } from "../../src/learn/initial-weights.ts";
import { layoutOf, type Network } from "../../src/learn/network.ts";
import { residualNetwork } from "../../src/learn/networks.ts";
import { randomFrom } from "../../src/learn/random.ts";
import { oneLabel } from "../../src/learn/task/one-label.ts";
import { viewsOf } from "../../src/learn/views.ts";
import type { ModelManifest } from "../../src/ports/model-package.ts";
import { packFolder } from "../../src/serve/pack-folder.ts";
import { askOnce } from "./load.ts";
import { mobileNetwork } from "./mobile-network.ts";
import type { Credential } from "./request.ts";
import { requestBytes } from "./request.ts";

const side = 32;

/** A network to serve, and a picture to ask it about. */
export interface Served {
  name: string;
  folder: string;
  side: number;
  picture: Uint8Array;
  contentType: string;
}

/** Networks of a millisecond, of the size of ResNet-18, and of a telephone's; the last one with photographs as JPEG. */
export function servedNetworks(names: readonly string[]): Served[] {
  const png = { side, picture: noisyPicture(), contentType: "image/png" };
  const all: Record<string, () => Served> = {
    resnet20: () => ({ name: "resnet20, 32 x 32, PNG", folder: modelFolder(residualNetwork(20, 2)), ...png }),
    resnet18: () => ({ name: "resnet18, 32 x 32, PNG", folder: modelFolder(residualNetwork(18, 2)), ...png }),
    mobile: () => ({
      name: "mobilenetv2, 224 x 224, JPEG",
      folder: packageFolder(mobileNetwork(10), { side: 224, classes: 10, mean: 127.5, deviation: 127.5 }),
      side: 224,
      picture: photograph(224),
      contentType: "image/jpeg",
    }),
  };
  return names.map((name) => {
    const make = all[name];
    if (make === undefined) throw new Error(`no network ${name}; there are ${Object.keys(all).join(", ")}`);
    return make();
  });
}

/** A model package with random weights: how fast a network answers does not depend on what it has learned. */
export function modelFolder(network: Network): string {
  const layout = layoutOf(network);
  const members = [initialWeights(layout, 1)];
  const weights = { members, views: viewsOf(1), mean: [128, 128, 128], deviation: [64, 64, 64], temperature: 1 };
  const model = servedModel(network, layout, { task: oneLabel(network.classes), weights, height: side, width: side });
  return packageFolder(model, { side, classes: network.classes, mean: 0, deviation: 1 });
}

function packageFolder(
  model: Uint8Array,
  { side: width, classes, mean, deviation }: { side: number; classes: number; mean: number; deviation: number },
): string {
  const manifest: ModelManifest = {
    format: "scones.image-classifier/1",
    model: { file: "model.onnx", sha256: createHash("sha256").update(model).digest("hex") },
    input: {
      name: "image",
      width,
      height: width,
      mean: [mean, mean, mean],
      deviation: [deviation, deviation, deviation],
    },
    output: { name: "probabilities", kind: "probabilities" },
    labels: Array.from({ length: classes }, (_, n) => `class ${n}`),
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

/** Soft shapes under a little noise, as JPEG: about 20 kB at 224 x 224. */
function photograph(width: number): Uint8Array {
  const random = randomFrom(1);
  const pixels = Uint8Array.from({ length: width * width * 4 }, (_, i) => {
    if (i % 4 === 3) return 255;
    const [x, y] = [(i >> 2) % width, Math.floor((i >> 2) / width)];
    const shape = 128 + 80 * Math.sin(x / 17 + (i % 4)) * Math.cos(y / 23);
    return Math.max(0, Math.min(255, shape + random.integer(21) - 10));
  });
  return Transformer.fromRgbaPixels(pixels, width, width).jpegSync(85);
}

/** Calls of SageMaker and S3, as the one who runs the server. */
export function administrator(url: string, credential?: Credential) {
  const put = (path: string, body: Uint8Array = new Uint8Array()) =>
    askOnce(url, requestBytes(url, { method: "PUT", path, service: "s3", body }, credential));
  const call = (operation: string, input: object) => {
    const headers = { "content-type": "application/x-amz-json-1.1", "x-amz-target": `SageMaker.${operation}` };
    const body = Buffer.from(JSON.stringify(input));
    const request = { method: "POST", path: "/", service: "sagemaker", headers, body };
    return askOnce(url, requestBytes(url, request, credential));
  };
  return {
    call,
    /** An alarm that nothing but `raise` sets off. */
    async alarm(name: string): Promise<{ raise: (isOn: boolean) => Promise<void> }> {
      const ask = (operation: string, input: object) => {
        const headers = {
          "content-type": "application/x-amz-json-1.0",
          "x-amz-target": `GraniteServiceVersion20100801.${operation}`,
        };
        const body = Buffer.from(JSON.stringify(input));
        return askOnce(
          url,
          requestBytes(url, { method: "POST", path: "/", service: "monitoring", headers, body }, credential),
        );
      };
      await ask("PutMetricAlarm", {
        ...{ AlarmName: name, Namespace: "Bench", MetricName: "nothing", Statistic: "Sum", Period: 3_600 },
        ...{ EvaluationPeriods: 1, Threshold: 1, ComparisonOperator: "GreaterThanOrEqualToThreshold" },
        TreatMissingData: "ignore",
      });
      return {
        raise: async (isOn) => {
          const StateValue = isOn ? "ALARM" : "OK";
          await ask("SetAlarmState", { AlarmName: name, StateValue, StateReason: "the bench says so" });
        },
      };
    },
    async describe(
      name = "bench",
    ): Promise<{ EndpointStatus: string; EndpointConfigName: string; FailureReason?: string }> {
      return JSON.parse(await call("DescribeEndpoint", { EndpointName: name }));
    },
    async model(name: string, archive: Uint8Array, environment: Record<string, string> = {}): Promise<void> {
      await put(`/bench/${name}.tar.gz`, archive);
      await call("CreateModel", {
        ModelName: name,
        ExecutionRoleArn: "arn:aws:iam::000000000000:role/bench",
        PrimaryContainer: {
          Image: "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1",
          ModelDataUrl: `s3://bench/${name}.tar.gz`,
          Environment: environment,
        },
      });
    },
    /** Every request is captured. */
    async config(name: string, model: string, workers: number): Promise<void> {
      const variant = { VariantName: "all", ModelName: model, InstanceType: "ml.m5.xlarge", InitialVariantWeight: 1 };
      await call("CreateEndpointConfig", {
        EndpointConfigName: name,
        ProductionVariants: [{ ...variant, InitialInstanceCount: workers }],
        DataCaptureConfig: {
          EnableCapture: true,
          InitialSamplingPercentage: 100,
          DestinationS3Uri: "s3://bench/captured",
          CaptureOptions: [{ CaptureMode: "Input" }, { CaptureMode: "Output" }],
        },
      });
    },
    async settled(name = "bench"): Promise<void> {
      for (;;) {
        const { EndpointStatus: status, FailureReason: reason } = await this.describe(name);
        if (status === "InService") return;
        if (status === "Failed") throw new Error(reason);
        await sleep(100);
      }
    },
    bucket: () => put("/bench"),
  };
}

export type Administrator = ReturnType<typeof administrator>;

/** Puts the package behind an endpoint `bench` of a running server, every request captured. */
export async function deploy(
  url: string,
  folder: string,
  workers: number,
  { credential, environment }: { credential?: Credential; environment?: Record<string, string> } = {},
): Promise<void> {
  const admin = administrator(url, credential);
  await admin.bucket();
  await admin.model("bench", await buffer(packFolder(folder)), environment);
  await admin.config("bench", "bench", workers);
  await admin.call("CreateEndpoint", { EndpointName: "bench", EndpointConfigName: "bench" });
  await admin.settled();
}

/** One inference of the endpoint `bench`. */
export function invocation(
  url: string,
  picture: Uint8Array,
  { credential, contentType = "image/png" }: { credential?: Credential | undefined; contentType?: string } = {},
): Buffer {
  const path = "/endpoints/bench/invocations";
  const headers = { "content-type": contentType };
  return requestBytes(url, { method: "POST", path, service: "sagemaker", headers, body: picture }, credential);
}
