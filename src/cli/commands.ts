import { bounds, defaultPort } from "../config.ts";
import { type Command, endpointOption, type Option } from "./command.ts";
import { defaultThreshold, names } from "./workflow/names.ts";

const serverOptions: Record<string, Option> = {
  port: { type: "string", value: "PORT", description: "port to listen on, 0 for any", default: String(defaultPort) },
  host: {
    type: "string",
    value: "HOST",
    description: "address to listen on; others than this machine need keys",
    default: "127.0.0.1",
  },
  "endpoint-alias": {
    type: "string",
    value: "NAME",
    description: "model endpoint that answers for every one that does not exist",
  },
  "log-format": {
    type: "string",
    value: "FORMAT",
    description: "what the server says of itself on stderr: text for people, json for one object per line",
    default: "text",
  },
  "data-dir": { type: "string", value: "FOLDER", description: "where everything is kept", default: "~/.scones" },
};

const placeOptions: Record<string, Option> = {
  bucket: { type: "string", value: "NAME", description: "bucket of the data set", default: "sagemaker-REGION-ACCOUNT" },
  prefix: { type: "string", value: "PREFIX", description: "where in the bucket", default: names.prefix },
};

const dataOptions: Record<string, Option> = {
  data: {
    type: "string",
    value: "PATH",
    description: "folder of images, CIFAR archive, `cifar` or `drawn`",
    default: "CIFAR-100, else drawn",
  },
  classes: {
    type: "string",
    value: "A,B,...",
    description: "classes to take from CIFAR-100 or the drawn set",
    default: "bicycle,motorcycle",
  },
  seed: { type: "string", value: "NUMBER", description: "seed of everything drawn or shuffled", default: "1" },
  size: { type: "string", value: "PIXELS", description: "width and height of drawn pictures", default: "32" },
};

const trainingOptions: Record<string, Option> = {
  preset: { type: "string", value: "NAME", description: "fast, default or best", default: "default" },
  epochs: { type: "string", value: "NUMBER", description: "epochs, instead of the preset's" },
  "image-size": {
    type: "string",
    value: "PIXELS",
    description: "width and height that the network sees",
    default: "32",
  },
};

const endpointName: Record<string, Option> = {
  "endpoint-name": {
    type: "string",
    value: "NAME",
    description: "name of the model endpoint",
    default: names.endpoint,
  },
};

const thresholdOption: Record<string, Option> = {
  threshold: {
    type: "string",
    value: "NUMBER",
    description: "confidence that an image must reach",
    default: String(defaultThreshold),
  },
};

const languageOption: Record<string, Option> = {
  language: { type: "string", value: "NAME", description: "functions in typescript or python", default: "typescript" },
};

export const commands: Command[] = [
  {
    name: "demo",
    summary: "run the whole workflow with live progress, then keep serving",
    examples: ["scones demo", "scones demo --data ./my-images --exit", "scones demo --exit --json > summary.json"],
    options: {
      ...serverOptions,
      ...dataOptions,
      ...trainingOptions,
      ...thresholdOption,
      ...languageOption,
      images: { type: "string", value: "NUMBER", description: "images of the fan-out", default: "24" },
      out: {
        type: "string",
        value: "FOLDER",
        description: "where pictures are written",
        default: "DATA-DIR/pictures/DATE",
      },
      exit: { type: "boolean", description: "end after the summary instead of serving on" },
    },
    load: () => import("./demo.ts"),
  },
  {
    name: "up",
    summary: "start the server",
    examples: ["scones up", "scones up --port 4600 --data-dir ./scones-data"],
    options: serverOptions,
    load: () => import("./up.ts"),
  },
  {
    name: "restart",
    summary: "put a new server process in the place of the running one, without losing a request",
    examples: ["scones restart", "scones restart --data-dir ./scones-data"],
    options: { "data-dir": serverOptions["data-dir"] as Option },
    load: () => import("./restart.ts"),
  },
  {
    name: "stage",
    summary: "put a data set into object storage, ready for training",
    examples: ["scones stage --data ./my-images", "scones stage --data drawn --classes bus,train,bicycle"],
    options: { ...endpointOption, ...dataOptions, ...placeOptions, "data-dir": serverOptions["data-dir"] as Option },
    load: () => import("./stage.ts"),
  },
  {
    name: "train",
    summary: "train an image classifier on a staged data set",
    examples: ["scones train", "scones train --preset fast", "scones train --pretrained ./my-backbone"],
    options: {
      ...endpointOption,
      ...placeOptions,
      ...trainingOptions,
      pretrained: {
        type: "string",
        value: "MODEL",
        description: "begin with a folder that holds backbone.json, a training job's model or an s3:// address",
      },
      seed: dataOptions["seed"] as Option,
    },
    load: () => import("./train.ts"),
  },
  {
    name: "deploy",
    summary: "put a trained model, the functions and the state machines to work",
    examples: [
      "scones deploy",
      "scones deploy --model s3://bucket/key/model.tar.gz",
      "scones deploy --language python --threshold 0.9",
    ],
    options: {
      ...endpointOption,
      ...placeOptions,
      ...endpointName,
      ...thresholdOption,
      ...languageOption,
      model: {
        type: "string",
        value: "S3-URI",
        description: "model.tar.gz to deploy",
        default: "of the latest completed training job",
      },
      workers: { type: "string", value: "NUMBER", description: "model worker processes", default: "2" },
    },
    load: () => import("./deploy.ts"),
  },
  {
    name: "threshold",
    summary: "choose the confidence that answers must reach, so that few enough of them are wrong, with a guarantee",
    examples: [
      "scones threshold --risk 0.02 --confidence 0.95",
      "scones threshold image-classification-2026-01-31-12-00-00-000 --risk 0.05",
      "scones threshold evaluation.json --on validation --out ./pictures",
    ],
    positionals: {
      name: "SOURCE",
      description:
        "training job, model.tar.gz or its s3:// address, or evaluation.json; the latest training job when absent",
    },
    options: {
      ...endpointOption,
      risk: {
        type: "string",
        value: "SHARE",
        description: "of the answers that pass, how many may be wrong",
        default: "0.02",
      },
      confidence: { type: "string", value: "SHARE", description: "how sure the promise is", default: "0.95" },
      on: {
        type: "string",
        value: "PICTURES",
        description: "held-out (of the training channel) or validation (the validation channel)",
        default: "held-out",
      },
      out: { type: "string", value: "FOLDER", description: "write SVG and PNG pictures of the model's quality there" },
    },
    load: () => import("./threshold.ts"),
  },
  {
    name: "classify",
    summary: "ask the endpoint what images show",
    examples: ["scones classify bike.png", "scones classify *.jpg --json"],
    positionals: { name: "IMAGE", description: "image files", isRepeated: true, isRequired: true },
    options: { ...endpointOption, ...endpointName },
    load: () => import("./classify.ts"),
  },
  {
    name: "send",
    summary: "upload images, start an execution for each and follow it",
    examples: ["scones send bike.png", "scones send one.png two.png --json"],
    positionals: { name: "IMAGE", description: "image files, or s3:// addresses", isRepeated: true, isRequired: true },
    options: { ...endpointOption, ...placeOptions },
    load: () => import("./send.ts"),
  },
  {
    name: "simulate",
    summary: "a stream of deliveries at a rate, or a big parallel burst",
    examples: [
      "scones simulate --rate 5 --duration 60",
      "scones simulate --burst 200",
      "scones simulate --rate 2 --duration 120 --conditions night",
    ],
    options: {
      ...endpointOption,
      ...placeOptions,
      rate: { type: "string", value: "NUMBER", description: "executions per second", default: "2" },
      duration: { type: "string", value: "SECONDS", description: "how long the stream lasts", default: "30" },
      burst: { type: "string", value: "NUMBER", description: "start this many at once instead" },
      concurrency: { type: "string", value: "NUMBER", description: "executions in flight at most", default: "64" },
      classes: dataOptions["classes"] as Option,
      conditions: {
        type: "string",
        value: "NAME",
        description: "what the drawn pictures suffer: night, fog, rain, snow, ...",
        default: "mixed",
      },
      corrupt: { type: "string", value: "SHARE", description: "share of damaged pictures, 0 to 1", default: "0" },
      size: dataOptions["size"] as Option,
      seed: dataOptions["seed"] as Option,
    },
    load: () => import("./simulate.ts"),
  },
  {
    name: "watch",
    summary: "what the endpoint saw: confidence over time, histogram, per class, drift, image sheet",
    examples: [
      "scones watch",
      "scones watch --out ./pictures",
      "scones watch --window 50 --reference ./captures-of-march",
      "scones watch --capture s3://bucket/prefix --json",
    ],
    options: {
      ...endpointOption,
      ...placeOptions,
      ...endpointName,
      ...thresholdOption,
      capture: {
        type: "string",
        value: "SOURCE",
        description: "s3:// address or folder of capture files",
        default: "the endpoint's own capture destination",
      },
      window: {
        type: "string",
        value: "NUMBER",
        description: "how many of the latest requests are looked at for drift",
        default: "100, at most a third of all",
      },
      reference: {
        type: "string",
        value: "SOURCE",
        description: "s3:// address or folder of captures that they are compared with",
        default: "all requests before them",
      },
      out: { type: "string", value: "FOLDER", description: "write SVG and PNG pictures there" },
    },
    load: () => import("./watch.ts"),
  },
  {
    name: "replay",
    summary: "send captured requests again, and see which answers changed",
    examples: [
      "scones replay",
      "scones replay --variant candidate --speed 60",
      "scones replay --capture ./captures --endpoint-name other --rate 200",
    ],
    options: {
      ...endpointOption,
      ...endpointName,
      variant: { type: "string", value: "NAME", description: "production variant that is to answer" },
      capture: {
        type: "string",
        value: "SOURCE",
        description: "s3:// address or folder of capture files",
        default: "the endpoint's own capture destination",
      },
      speed: { type: "string", value: "FACTOR", description: "so many times as fast as it was captured", default: "1" },
      rate: { type: "string", value: "NUMBER", description: "requests per second instead, at even distances" },
      limit: { type: "string", value: "NUMBER", description: "the first so many only" },
      concurrency: { type: "string", value: "NUMBER", description: "requests in flight at most", default: "64" },
    },
    load: () => import("./replay.ts"),
  },
  {
    name: "top",
    summary: "endpoints live: requests, failures, latencies, queues and workers of each variant",
    examples: ["scones top", "scones top --once", "scones top --json --interval 5"],
    options: {
      ...endpointOption,
      interval: { type: "string", value: "SECONDS", description: "time between two readings", default: "1" },
      once: { type: "boolean", description: "one reading, then the end; always so with --json and in pipes" },
    },
    load: () => import("./top.ts"),
  },
  {
    name: "graph",
    summary: "draw a state machine, or an execution with its states coloured by outcome",
    examples: [
      "scones graph SconesUnlimited",
      "scones graph arn:aws:states:...:execution:SconesUnlimited:NAME --out run.png",
    ],
    positionals: {
      name: "NAME",
      description: "state machine name or ARN, execution ARN, or an .asl.json file",
      isRequired: true,
    },
    options: {
      ...endpointOption,
      out: {
        type: "string",
        value: "FILE",
        description: ".svg or .png file; both when it has neither ending",
        default: "NAME.svg and NAME.png",
      },
    },
    load: () => import("./graph.ts"),
  },
  {
    name: "run",
    summary: "run any program so that its AWS calls reach Scones",
    examples: ["scones run -- aws s3 ls", "scones run -- python3 notebook.py"],
    positionals: {
      name: "COMMAND",
      description: "the program and its arguments, after --",
      isRepeated: true,
      isRequired: true,
    },
    options: endpointOption,
    load: () => import("./run.ts"),
  },
  {
    name: "env",
    summary: "print the variables with which AWS calls reach Scones, for a shell",
    examples: ["scones env", 'eval "$(scones env)"', "scones env --shell fish | source"],
    options: {
      ...endpointOption,
      shell: { type: "string", value: "NAME", description: "sh, fish or powershell", default: "sh" },
    },
    load: () => import("./env.ts"),
  },
  {
    name: "split",
    summary: "cut one Python file with several Lambda handlers into one function each",
    examples: ["scones split lambda.py --out functions", "scones split lambda.py --names serialize,classify,filter"],
    positionals: { name: "FILE", description: "the Python file", isRequired: true },
    options: {
      out: { type: "string", value: "FOLDER", description: "where folders and archives are written", default: "." },
      names: {
        type: "string",
        value: "A,B,...",
        description: "names of the functions, in the order of the handlers",
        default: "by what each handler does",
      },
    },
    load: () => import("./split.ts"),
  },
];

/** Pictures of one fan-out: each becomes some ten history events, of which an execution has 25,000. */
export const maxFanOutImages = 1_000;
/** Model workers of one endpoint; more than the cores of a large machine is a mistake. */
export const maxWorkers = 64;
export const maxPictureSize = Math.floor(Math.sqrt(bounds.imageBytes / 3));
