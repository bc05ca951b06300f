"""Two endpoints that capture what they see: one is asked about pictures by day, the other about pictures in the dark."""

import json
import os
import random
import time
from datetime import datetime, timezone

import boto3

from pictures import draw, png

MODEL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "picture_model.py")
CAPTURED = 40


def deploy(bucket):
    """Answers the names of both endpoints; each has answered CAPTURED pictures."""
    sagemaker = boto3.client("sagemaker")
    sagemaker.create_model(
        ModelName="watched",
        PrimaryContainer={"Image": "process:python3 " + MODEL},
        ExecutionRoleArn="arn:aws:iam::000000000000:role/anything",
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName="watched",
        ProductionVariants=[
            {"VariantName": "AllTraffic", "ModelName": "watched", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
        ],
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": "s3://%s/captured" % bucket,
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
        },
    )
    for name in ("by-day", "in-the-dark"):
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName="watched")
    for name in ("by-day", "in-the-dark"):
        waiter = sagemaker.get_waiter("endpoint_in_service")
        waiter.wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    runtime = boto3.client("sagemaker-runtime")
    generator = random.Random(7)
    for number in range(CAPTURED):
        rows = draw(number % 2, generator)
        runtime.invoke_endpoint(EndpointName="by-day", ContentType="image/png", Body=png(rows), InferenceId="day-%d" % number)
        runtime.invoke_endpoint(EndpointName="in-the-dark", ContentType="image/png", Body=png(darkened(rows)))
    return "by-day", "in-the-dark"


def darkened(rows):
    """An eighth of the light; what is opaque stays so."""
    return [bytes(value if place % 4 == 3 else value // 8 for place, value in enumerate(row)) for row in rows]


def wait_for_captures(bucket, endpoint):
    """Every captured record, once all are written: captures are written beside the answers, not before them."""
    s3 = boto3.client("s3")
    for _ in range(200):
        objects = s3.list_objects_v2(Bucket=bucket, Prefix="captured/%s/" % endpoint).get("Contents", [])
        bodies = [s3.get_object(Bucket=bucket, Key=one["Key"])["Body"].read().decode() for one in objects]
        records = [json.loads(line) for body in bodies for line in body.splitlines()]
        if len(records) == CAPTURED:
            return records
        time.sleep(0.2)
    raise SystemExit("only %d records of %s are captured" % (len(records), endpoint))


def labels_for(bucket, records):
    """Labels that came this hour: class 1 for every fifth record, class 0 for the others."""
    lines = [
        {
            "groundTruthData": {"data": "0" if number % 5 else "1", "encoding": "CSV"},
            "eventMetadata": {"eventId": record["eventMetadata"]["inferenceId"]},
            "eventVersion": "0",
        }
        for number, record in enumerate(records)
    ]
    key = "labels/%s/first.jsonl" % datetime.now(timezone.utc).strftime("%Y/%m/%d/%H")
    body = "".join(json.dumps(line) + "\n" for line in lines)
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
