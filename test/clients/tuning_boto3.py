"""Hyperparameter tuning as boto3 asks for it: `create NAME ...`, `stop NAME`, `wait NAME`. Prints one JSON object."""

import json
import random
import sys
import time

import boto3

from pictures import draw, png

BUCKET = "tuning-data"
IMAGE = "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1"
s3 = boto3.client("s3")
sagemaker = boto3.client("sagemaker")


def stage():
    generator = random.Random(3)
    s3.create_bucket(Bucket=BUCKET)
    for split, count in (("train", 24), ("validation", 8)):
        for number in range(count):
            label = number % 2
            key = "%s/%s/%d.png" % (split, ["bicycle", "motorcycle"][label], number)
            s3.put_object(Bucket=BUCKET, Key=key, Body=png(draw(label, generator)))


def channel(name):
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://%s/%s/" % (BUCKET, name)}
    return {"ChannelName": name, "ContentType": "application/x-image", "DataSource": {"S3DataSource": source}}


def create(name, strategy, trials, parallel, epochs, parent=None):
    config = {
        "Strategy": strategy,
        "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "validation:accuracy"},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": int(trials), "MaxParallelTrainingJobs": int(parallel)},
        "ParameterRanges": {
            "ContinuousParameterRanges": [
                {"Name": "learning_rate", "MinValue": "0.001", "MaxValue": "0.2", "ScalingType": "Logarithmic"}
            ],
            "IntegerParameterRanges": [{"Name": "mini_batch_size", "MinValue": "8", "MaxValue": "16"}],
            "CategoricalParameterRanges": [{"Name": "optimizer", "Values": ["sgd", "adam"]}],
        },
        "TrainingJobEarlyStoppingType": "Auto",
    }
    warm = {}
    if parent:
        warm["WarmStartConfig"] = {
            "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": parent}],
            "WarmStartType": "IdenticalDataAndAlgorithm",
        }
    sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name,
        HyperParameterTuningJobConfig=config,
        TrainingJobDefinition={
            "StaticHyperParameters": {
                "image_shape": "3,32,32",
                "num_classes": "2",
                "num_training_samples": "24",
                "epochs": epochs,
            },
            "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            "RoleArn": "arn:aws:iam::123456789012:role/scones",
            "InputDataConfig": [channel("train"), channel("validation")],
            "OutputDataConfig": {"S3OutputPath": "s3://%s/models" % BUCKET},
            "ResourceConfig": {"InstanceType": "ml.p3.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
            "RetryStrategy": {"MaximumRetryAttempts": 1},
        },
        Tags=[{"Key": "made", "Value": "by a test"}],
        **warm
    )


def until(name, condition):
    for _ in range(2400):
        job = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        if condition(job):
            return job
        time.sleep(0.05)
    raise RuntimeError("the tuning job %s goes on and on: %s" % (name, job))


def wait(name):
    job = until(name, lambda job: "HyperParameterTuningEndTime" in job)
    trials = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name, SortBy="FinalObjectiveMetricValue", SortOrder="Descending", MaxResults=100
    )["TrainingJobSummaries"]
    details = [sagemaker.describe_training_job(TrainingJobName=one["TrainingJobName"]) for one in trials]
    best = job.get("BestTrainingJob", {})
    return {
        "status": job["HyperParameterTuningJobStatus"],
        "counters": job["TrainingJobStatusCounters"],
        "best": best.get("TrainingJobName"),
        "bestValue": best.get("FinalHyperParameterTuningJobObjectiveMetric", {}).get("Value"),
        "overallBest": job.get("OverallBestTrainingJob", {}).get("HyperParameterTuningJobName")
        or job.get("OverallBestTrainingJob", {}).get("TuningJobName"),
        "trials": [
            {
                "name": one["TrainingJobName"],
                "status": one["TrainingJobStatus"],
                "tuned": one["TunedHyperParameters"],
                "value": one.get("FinalHyperParameterTuningJobObjectiveMetric", {}).get("Value"),
            }
            for one in trials
        ],
        "models": [detail.get("ModelArtifacts", {}).get("S3ModelArtifacts") for detail in details],
        # When each one computed, in seconds since 1970.
        "spans": [
            [detail["TrainingStartTime"].timestamp(), detail["TrainingEndTime"].timestamp()]
            for detail in details
            if "TrainingStartTime" in detail
        ],
        "stored": [
            one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET, Prefix="models/%s-" % name).get("Contents", [])
        ],
    }


command, name, *rest = sys.argv[1:]
if command == "create":
    if BUCKET not in [one["Name"] for one in s3.list_buckets()["Buckets"]]:
        stage()
    create(name, *rest)
    # Something runs, and something has been reported.
    until(name, lambda job: job["TrainingJobStatusCounters"]["InProgress"] > 0 or "HyperParameterTuningEndTime" in job)
    print("{}")
elif command == "stop":
    sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    print(json.dumps(wait(name)))
else:
    print(json.dumps(wait(name)))
