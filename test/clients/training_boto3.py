"""Odd data sets, one training job each, as boto3 sees them. Prints one JSON object: how every job ended, and what it left in S3."""

import json
import struct
import sys
import time

import boto3

from pictures import draw, png
import random

BUCKET = "odd-data"
IMAGE = "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1"

s3 = boto3.client("s3")
sagemaker = boto3.client("sagemaker")
generator = random.Random(7)


def picture(label):
    return png(draw(label, generator))


def record(label, image):
    body = struct.pack("<IfQQ", 0, label, 1, 0) + image
    return struct.pack("<II", 0xCED7230A, len(body)) + body + b"\0" * (-len(body) % 4)


def folders(counts, name="%s-%d.png"):
    """Pictures in a folder per class."""
    files = {}
    for label, (class_name, count) in enumerate(counts.items()):
        for number in range(count):
            files["train/%s/%s" % (class_name, name % (class_name, number))] = picture(label % 2)
    return files


def listed(lines):
    """The pictures of folders a and b, with a list of one's own."""
    files = {"train/" + path.split("/", 1)[1]: body for path, body in folders({"a": 8, "b": 8}).items()}
    files["train_lst/train.lst"] = lines.encode()
    return files


def damaged(share):
    files = folders({"a": 20, "b": 20})
    for path in list(files)[:: int(1 / share)]:
        files[path] = files[path][:60]
    return files


GOOD_LIST = "".join("%d\t%d\t%s/%s-%d.png\n" % (n, n % 2, "ab"[n % 2], "ab"[n % 2], n // 2) for n in range(16))
ENOUGH = {"a": 24, "b": 24}
CASES = {
    "good": (folders(ENOUGH), {}),
    "names-in-other-scripts": (folders({"vélo": 12, "バイク 2": 12}, name="%s né ☃ %d.png"), {}),
    "class-of-one-picture": (folders({"a": 24, "b": 1}), {}),
    "a-few-damaged": (damaged(0.03), {}),
    "many-damaged": (damaged(0.2), {}),
    "one-class": (folders({"a": 24}), {}),
    "three-classes": (folders({"a": 8, "b": 8, "c": 8}), {}),
    "no-objects": ({}, {}),
    "no-pictures": ({"train/notes/read.me": b"no picture"}, {}),
    "loose-pictures": ({"train/one.png": picture(0), "train/two.png": picture(1)}, {}),
    "list-with-spaces": (listed(GOOD_LIST.replace("\t", " ")), {}),
    "list-of-absent-files": (listed(GOOD_LIST.replace("/", "/gone-")), {}),
    "list-with-labels-from-one": (listed(GOOD_LIST.replace("\t1\t", "\t2\t").replace("\t0\t", "\t1\t")), {}),
    "list-with-names-for-labels": (listed(GOOD_LIST.replace("\t1\t", "\tbus\t")), {}),
    "two-labels-for-one-picture": (listed(GOOD_LIST + "16\t0\tb/b-0.png\n"), {}),
    "records": ({"train/a.rec": b"".join(record(n % 2, picture(n % 2)) for n in range(24))}, {}),
    "records-cut-off": ({"train/a.rec": record(0, picture(0))[:-50]}, {}),
    "no-records": ({"train/a.rec": b"this is something else"}, {}),
    "unknown-parameter": (folders(ENOUGH), {"epochz": "3"}),
    "too-large-batch": (folders(ENOUGH), {"mini_batch_size": "4096"}),
}


def create(name, files, hyperparameters, **changes):
    for path, body in files.items():
        s3.put_object(Bucket=BUCKET, Key="%s/%s" % (name, path), Body=body)
    channels = sorted({path.split("/")[0] for path in files} | {"train"})
    sagemaker.create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        RoleArn="arn:aws:iam::123456789012:role/scones",
        InputDataConfig=[
            {
                "ChannelName": channel,
                "ContentType": "application/x-image",
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri": "s3://%s/%s/%s/" % (BUCKET, name, channel),
                        "S3DataDistributionType": "FullyReplicated",
                    }
                },
            }
            for channel in channels
        ],
        OutputDataConfig={"S3OutputPath": "s3://%s/models" % BUCKET},
        ResourceConfig={"InstanceType": "ml.p3.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30},
        StoppingCondition={"MaxRuntimeInSeconds": 3600},
        HyperParameters={
            "image_shape": "3,32,32",
            "num_classes": "2",
            "num_training_samples": str(sum(path.endswith(".png") for path in files) or 24),
            "epochs": "1",
            "mini_batch_size": "16",
            "workers": "1",
            **hyperparameters,
        },
        **changes,
    )


def ended(name):
    for _ in range(1200):
        job = sagemaker.describe_training_job(TrainingJobName=name)
        if job["TrainingJobStatus"] != "InProgress":
            left = s3.list_objects_v2(Bucket=BUCKET, Prefix="models/%s/" % name)
            return {
                "status": job["TrainingJobStatus"],
                "reason": job.get("FailureReason"),
                "left": [one["Key"] for one in left.get("Contents", [])],
            }
        time.sleep(0.05)
    raise RuntimeError("the job %s does not end" % name)


s3.create_bucket(Bucket=BUCKET)
only = sys.argv[1:]
cases = {name: case for name, case in CASES.items() if not only or name in only}
for name, (files, hyperparameters) in cases.items():
    create(name, files, hyperparameters)
print(json.dumps({name: ended(name) for name in cases}))
