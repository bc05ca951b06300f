import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { until } from "../../../serve/testing/world.ts";
import { testWorld } from "../testing/service.ts";

type World = ReturnType<typeof testWorld>;
type Running = ReturnType<World["start"]>;

const group = "/aws/sagemaker/ProcessingJobs";

/** A job of the user's own program: a script for `sh` that gets `arguments_`. */
function create({ ask }: Running, ProcessingJobName: string, script: string, changes: object = {}): Promise<object> {
  return ask("CreateProcessingJob", {
    ProcessingJobName,
    AppSpecification: { ImageUri: `process:${script}` },
    ProcessingInputs: [input("data", "s3://bucket/data/", "/opt/ml/processing/input/data")],
    ProcessingOutputConfig: { Outputs: [output("out", "s3://bucket/results", "/opt/ml/processing/output")] },
    ProcessingResources: { ClusterConfig: { InstanceCount: 1, InstanceType: "ml.m5.xlarge", VolumeSizeInGB: 30 } },
    RoleArn: "arn:aws:iam::123456789012:role/scones",
    ...changes,
  });
}

function input(InputName: string, S3Uri: string, LocalPath: string, changes: object = {}): object {
  return { InputName, S3Input: { S3Uri, LocalPath, S3DataType: "S3Prefix", S3InputMode: "File", ...changes } };
}

function output(OutputName: string, S3Uri: string, LocalPath: string, S3UploadMode = "EndOfJob"): object {
  return { OutputName, S3Output: { S3Uri, LocalPath, S3UploadMode } };
}

async function ended({ ask }: Running, ProcessingJobName: string) {
  for (const limit = Date.now() + 20_000; Date.now() < limit; await new Promise((resolve) => setTimeout(resolve, 5))) {
    const job = await ask("DescribeProcessingJob", { ProcessingJobName });
    if (["Completed", "Failed", "Stopped"].includes(job.ProcessingJobStatus)) return job;
  }
  throw new Error(`processing job ${ProcessingJobName} does not end`);
}

function logOf({ logs }: World, name: string): string[] {
  if (!logs.groups(group).some((one) => one.name === group)) return [];
  const [stream] = logs.streams(group, `${name}/algo-1-`);
  if (stream === undefined) return [];
  return logs.read(group, stream.name, { from: 0, limit: 100 }).map(({ message }) => message);
}

async function withData(): Promise<World> {
  const world = testWorld();
  await world.blobs.put("bucket/data/a.txt", "first");
  await world.blobs.put("bucket/data/deep/b.txt", "second");
  return world;
}

function stored({ blobs }: World, key: string): string | undefined {
  return blobs.contents.get(key)?.toString();
}

test("a program finds its inputs below /opt/ml, and what it leaves in its outputs is stored", async () => {
  const world = await withData();
  const sagemaker = world.start();
  const ml = "$SCONES_ML_PREFIX";
  const script = `
    cd ${ml}/processing/output && mkdir deep
    (cd ../input/data && find . -type f | sort) > deep/files
    cat ../input/data/a.txt > a; echo "$COLOUR" > colour
    cp ${ml}/config/processingjobconfig.json ${ml}/config/resourceconfig.json .
    echo "all is well" > ${ml}/output/message; echo said; :`;
  await create(sagemaker, "job", script, { Environment: { COLOUR: "green" } });
  const job = await ended(sagemaker, "job");
  await sagemaker.close();
  assert.equal(job.ProcessingJobStatus, "Completed", job.FailureReason);
  assert.equal(job.ExitMessage, "all is well");
  assert.deepEqual(job.StoppingCondition, { MaxRuntimeInSeconds: 86_400 });
  assert.ok(job.ProcessingEndTime >= job.ProcessingStartTime && job.LastModifiedTime instanceof Date);
  assert.equal(stored(world, "bucket/results/deep/files"), "./a.txt\n./deep/b.txt\n");
  assert.equal(stored(world, "bucket/results/a"), "first");
  assert.equal(stored(world, "bucket/results/colour"), "green\n");
  assert.deepEqual(logOf(world, "job"), ["said"]);
  const config = JSON.parse(stored(world, "bucket/results/processingjobconfig.json") as string);
  assert.equal(config.ProcessingJobName, "job");
  assert.deepEqual(config.Environment, { COLOUR: "green" });
  assert.equal(config.ProcessingInputs[0].S3Input.LocalPath, "/opt/ml/processing/input/data");
  assert.deepEqual(JSON.parse(stored(world, "bucket/results/resourceconfig.json") as string).hosts, ["algo-1"]);
  assert.deepEqual(world.problems, []);
  assert.deepEqual(readdirSync(join(world.directory, "processing")), []);
  world.forget();
});

test("an entrypoint and arguments with AWS's own paths run whatever the image is", async () => {
  const world = await withData();
  await world.blobs.put(
    "bucket/code/count.py",
    "import os, sys; open(sys.argv[2], 'w').write(' '.join(sorted(os.listdir(sys.argv[1]))))",
  );
  const sagemaker = world.start();
  await create(sagemaker, "job", "", {
    AppSpecification: {
      ImageUri: "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3",
      ContainerEntrypoint: ["python3", "/opt/ml/processing/input/code/count.py"],
      ContainerArguments: ["/opt/ml/processing/input/data", "/opt/ml/processing/output/names"],
    },
    ProcessingInputs: [
      input("data", "s3://bucket/data", "/opt/ml/processing/input/data"),
      input("code", "s3://bucket/code/count.py", "/opt/ml/processing/input/code"),
    ],
  });
  const job = await ended(sagemaker, "job");
  await sagemaker.close();
  assert.equal(job.ProcessingJobStatus, "Completed", logOf(world, "job").join("\n"));
  assert.equal(stored(world, "bucket/results/names"), "a.txt deep");
  assert.match(
    logOf(world, "job")[0] as string,
    /sagemaker-scikit-learn.* is not pulled: python3 is this machine's own/,
  );
  world.forget();
});

test("a failed program says why, and stores only what is stored all the time", async () => {
  const world = await withData();
  const sagemaker = world.start();
  const script = `cd $SCONES_ML_PREFIX; echo half > processing/output/half; echo half > processing/live/half
    echo "three rows are no data" > output/failure; echo "so far" > output/message; exit 3`;
  await create(sagemaker, "job", script, {
    ProcessingOutputConfig: {
      Outputs: [
        output("out", "s3://bucket/results", "/opt/ml/processing/output"),
        output("live", "s3://bucket/live", "/opt/ml/processing/live", "Continuous"),
      ],
    },
  });
  const job = await ended(sagemaker, "job");
  await sagemaker.close();
  assert.equal(job.ProcessingJobStatus, "Failed");
  assert.equal(job.FailureReason, "AlgorithmError: three rows are no data, exit code: 3");
  assert.equal(job.ExitMessage, "so far");
  assert.equal(stored(world, "bucket/results/half"), undefined);
  assert.equal(stored(world, "bucket/live/half"), "half\n");
  world.forget();
});

test("an input without objects and a manifest that names what is not there fail the job with the address", async () => {
  const world = await withData();
  await world.blobs.put("bucket/manifest", JSON.stringify([{ prefix: "s3://bucket/data/" }, "a.txt", "gone.txt"]));
  const sagemaker = world.start();
  await create(sagemaker, "empty", "true", {
    ProcessingInputs: [input("data", "s3://bucket/nothing/", "/opt/ml/processing/input")],
  });
  await create(sagemaker, "gone", "true", {
    ProcessingInputs: [
      input("data", "s3://bucket/manifest", "/opt/ml/processing/input", { S3DataType: "ManifestFile" }),
    ],
  });
  const [empty, gone] = [await ended(sagemaker, "empty"), await ended(sagemaker, "gone")];
  await sagemaker.close();
  assert.match(empty.FailureReason, /^ClientError: .*No S3 objects found under S3 URL "s3:\/\/bucket\/nothing\/"/);
  assert.match(gone.FailureReason, /^ClientError: .*there is no object s3:\/\/bucket\/data\/gone\.txt/);
  assert.deepEqual(world.problems, []);
  world.forget();
});

test("a job is stopped on request, and when it runs longer than it may", async () => {
  const world = await withData();
  const sagemaker = world.start();
  await create(sagemaker, "asked", "echo ready; sleep 60; :");
  await create(sagemaker, "long", "echo ready; sleep 60; :", { StoppingCondition: { MaxRuntimeInSeconds: 1 } });
  await until(() => logOf(world, "asked").includes("ready"));
  await sagemaker.ask("StopProcessingJob", { ProcessingJobName: "asked" });
  const [asked, long] = [await ended(sagemaker, "asked"), await ended(sagemaker, "long")];
  await assert.rejects(sagemaker.ask("StopProcessingJob", { ProcessingJobName: "asked" }), /is in status Stopped/);
  await sagemaker.close();
  assert.deepEqual([asked.ProcessingJobStatus, asked.FailureReason], ["Stopped", undefined]);
  assert.equal(long.ProcessingJobStatus, "Stopped");
  assert.match(long.FailureReason, /longer than its MaxRuntimeInSeconds of 1/);
  world.forget();
});

test("a job that was running when the server ended begins again from nothing", async () => {
  const world = await withData();
  const first = world.start();
  const marker = join(world.directory, "first-run");
  const script = `if [ -e ${marker} ]; then ls $SCONES_ML_PREFIX/processing/output > $SCONES_ML_PREFIX/processing/output/found; exit 0; fi
    echo half > $SCONES_ML_PREFIX/processing/output/half; touch ${marker}; sleep 60; :`;
  await create(first, "job", script);
  await until(() => existsSync(marker));
  await first.close();
  assert.equal(stored(world, "bucket/results/half"), undefined);
  const second = world.start();
  const job = await ended(second, "job");
  await second.close();
  assert.equal(job.ProcessingJobStatus, "Completed");
  assert.equal(stored(world, "bucket/results/found"), "found\n");
  world.forget();
});

test("jobs are listed newest first, by status and in pages, and announced with every change", async () => {
  const world = await withData();
  const sagemaker = world.start();
  for (const name of ["one", "two", "three"]) {
    await create(sagemaker, name, name === "two" ? "exit 1" : "true");
    await ended(sagemaker, name);
  }
  const names = ({ ProcessingJobSummaries }: { ProcessingJobSummaries: { ProcessingJobName: string }[] }) =>
    ProcessingJobSummaries.map(({ ProcessingJobName }) => ProcessingJobName);
  const first = await sagemaker.ask("ListProcessingJobs", { MaxResults: 2 });
  const rest = await sagemaker.ask("ListProcessingJobs", { MaxResults: 2, NextToken: first.NextToken });
  const failed = await sagemaker.ask("ListProcessingJobs", { StatusEquals: "Failed" });
  await sagemaker.close();
  assert.deepEqual([...names(first), ...names(rest)].toSorted(), ["one", "three", "two"]);
  assert.equal(rest.NextToken, undefined);
  assert.deepEqual(names(failed), ["two"]);
  const ofOne = world.events.filter(({ resources }) => resources[0]?.endsWith("processing-job/one"));
  assert.deepEqual(
    ofOne.map(({ detailType, detail }) => `${detailType}: ${detail["ProcessingJobStatus"]}`),
    ["InProgress", "InProgress", "Completed"].map((status) => `SageMaker Processing Job State Change: ${status}`),
  );
  world.forget();
});

test("what cannot be run or found is refused with what to do", async () => {
  const world = await withData();
  const sagemaker = world.start();
  await create(sagemaker, "taken", "true");
  const refused = (changes: object) => create(sagemaker, "other", "true", changes);
  await assert.rejects(create(sagemaker, "taken", "true"), { code: "ResourceInUse" });
  await assert.rejects(refused({ AppSpecification: { ImageUri: "1.dkr.ecr.us-east-1.amazonaws.com/mine:1" } }), {
    code: "ValidationException",
    message: /"1\.dkr.*mine:1" cannot be run here.*ContainerEntrypoint.*process:COMMAND/,
  });
  const outside = [input("data", "s3://bucket/data", "/opt/ml/processing/../../../etc")];
  await assert.rejects(refused({ ProcessingInputs: outside }), /must begin with \/opt\/ml\/processing\//);
  await assert.rejects(sagemaker.ask("DescribeProcessingJob", { ProcessingJobName: "absent" }), {
    code: "ValidationException",
    message:
      /^Could not find requested job with name: arn:aws:sagemaker:us-east-1:123456789012:processing-job\/absent$/,
  });
  await sagemaker.close();
  world.forget();
});
