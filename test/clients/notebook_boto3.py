"""What an image classification notebook and the SageMaker Python SDK send, call by call, with boto3 alone and no word about Scones.

Prints one JSON object: what the calls answered. The SDK's sleeps are shortened; what it reads, and when it stops reading, is not."""

import json
import os
import sys
import tempfile
import time

import boto3
import botocore

from pictures import write_data_set

NAME = "image-classification-2026-01-02-03-04-05-678"
PREFIX = "notebook"
saw = {"boto3": boto3.__version__}

session = boto3.Session()
region = session.region_name
s3 = session.client("s3")
# As the SDK does: the regional address in full, whatever the environment says.
sts = session.client("sts", region_name=region, endpoint_url="https://sts.%s.amazonaws.com" % region)
iam = session.client("iam")
sagemaker = session.client("sagemaker")
runtime = session.client("sagemaker-runtime")
logs = session.client("logs")


def error_of(call, **arguments):
    """The class, code, status and text of the exception that the call raises."""
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        answer = error.response
        return {
            "class": type(error).__name__,
            "code": answer["Error"]["Code"],
            "status": answer["ResponseMetadata"]["HTTPStatusCode"],
            "message": answer["Error"]["Message"],
            "text": str(error),
        }
    return None


# --- Session().default_bucket()
account = sts.get_caller_identity()["Account"]
bucket = "sagemaker-%s-%s" % (region, account)
saw["bucketsBefore"] = [one["Name"] for one in s3.list_buckets()["Buckets"]]
saw["headBefore"] = error_of(s3.head_bucket, Bucket=bucket, ExpectedBucketOwner=account)
s3.create_bucket(Bucket=bucket)
s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=account)
saw["bucket"] = bucket
saw["bucketsAfter"] = [one["Name"] for one in s3.list_buckets()["Buckets"] if one["CreationDate"]]

# --- get_execution_role()
assumed = sts.get_caller_identity()["Arn"]
saw["caller"] = assumed
role = iam.get_role(RoleName=assumed.split("/")[-2])["Role"]["Arn"]
saw["role"] = role

# --- upload: the pictures as `aws s3 sync` does, the lists through the resource
folder = tempfile.mkdtemp()
write_data_set(folder, train=30, test=10)
saw["listBefore"] = s3.list_objects_v2(Bucket=bucket, Prefix=PREFIX, EncodingType="url")["KeyCount"]
for split in ("train", "test"):
    for name in sorted(os.listdir(os.path.join(folder, split))):
        with open(os.path.join(folder, split, name), "rb") as file:
            s3.put_object(Bucket=bucket, Key="%s/%s/%s" % (PREFIX, split, name), Body=file, ContentType="image/png")
    s3_object = session.resource("s3").Object(bucket, "%s/%s.lst" % (PREFIX, split))
    s3_object.upload_file(os.path.join(folder, split + ".lst"))
listed = s3.list_objects_v2(Bucket=bucket, Prefix=PREFIX + "/", EncodingType="url")
saw["uploaded"] = sum(1 for one in listed["Contents"] if one["Size"] and one["ETag"] and one["LastModified"])

# --- Estimator.fit()
base = "s3://%s/%s" % (bucket, PREFIX)
output = base + "/models/image_model"


def training_request(name, image):
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"},
        "HyperParameters": {
            "image_shape": "3,32,32",
            "num_classes": "2",
            "num_training_samples": "60",
            "epochs": "2",
            "mini_batch_size": "10",
        },
        "InputDataConfig": [
            {
                "ChannelName": channel,
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri": "%s/%s" % (base, path),
                        "S3DataDistributionType": "FullyReplicated",
                    }
                },
                "ContentType": "application/x-image",
            }
            for channel, path in (
                ("train", "train/"),
                ("validation", "test/"),
                ("train_lst", "train.lst"),
                ("validation_lst", "test.lst"),
            )
        ],
        "OutputDataConfig": {"S3OutputPath": output},
        "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.p3.2xlarge", "VolumeSizeInGB": 30},
        "RoleArn": role,
        "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
        "DebugHookConfig": {"S3OutputPath": output, "CollectionConfigurations": []},
        "ProfilerConfig": {"S3OutputPath": output, "DisableProfiler": False},
    }


image = "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1"
request = training_request(NAME, image)
saw["trainingJobArn"] = sagemaker.create_training_job(**request)["TrainingJobArn"]

GROUP = "/aws/sagemaker/TrainingJobs"
streams, positions, lines = [], {}, []


def read_logs(instances):
    """The SDK's way: streams until there are as many as instances, then each one until a page is empty."""
    if len(streams) < instances:
        query = dict(
            logGroupName=GROUP, logStreamNamePrefix=NAME + "/", orderBy="LogStreamName", limit=min(instances, 50)
        )
        try:
            answer = logs.describe_log_streams(**query)
        except logs.exceptions.ResourceNotFoundException:
            return  # nothing was written yet
        while "nextToken" in answer:  # the SDK asks again without the token, so a last page must not have one
            raise RuntimeError("the SageMaker SDK would loop for ever")
        streams[:] = [one["logStreamName"] for one in answer["logStreams"]]
    for stream in streams:
        at, skip = positions.get(stream, (0, 0))
        token = {}
        for page in range(1000):
            answer = logs.get_log_events(
                logGroupName=GROUP, logStreamName=stream, startTime=at, startFromHead=True, **token
            )
            token = {"nextToken": answer["nextForwardToken"]}
            events = answer["events"]
            if not events:
                break
            if len(events) > skip:
                events, skip = events[skip:], 0
            else:
                skip, events = skip - len(events), []
            for event in events:
                lines.append(event["message"])
                position, count = positions.get(stream, (0, 0))
                same = event["timestamp"] == position
                positions[stream] = (event["timestamp"], count + 1 if same else 1)
        else:
            raise RuntimeError("no page of the log was empty")


transitions = []
while True:
    description = sagemaker.describe_training_job(TrainingJobName=NAME)
    read_logs(description["ResourceConfig"]["InstanceCount"])
    for transition in description.get("SecondaryStatusTransitions", []):
        message = "%s - %s" % (transition["Status"], transition["StatusMessage"])
        if transition["StartTime"] and description["LastModifiedTime"] and message not in transitions:
            transitions.append(message)
    if description["TrainingJobStatus"] in ("Completed", "Failed", "Stopped"):
        read_logs(description["ResourceConfig"]["InstanceCount"])
        break
    time.sleep(0.2)
waiter = sagemaker.get_waiter("training_job_completed_or_stopped")
waiter.wait(TrainingJobName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 5})
description = sagemaker.describe_training_job(TrainingJobName=NAME)
saw["fit"] = {
    "status": description["TrainingJobStatus"],
    "transitions": transitions,
    "streams": streams,
    "lines": lines,
    "seconds": [description["TrainingTimeInSeconds"], description["BillableTimeInSeconds"]],
    "metrics": sorted(one["MetricName"] for one in description["FinalMetricDataList"]),
    "echo": {name: description[name] == value for name, value in request.items()},
    "artifact": description["ModelArtifacts"]["S3ModelArtifacts"],
    "outputKey": description["OutputDataConfig"]["KmsKeyId"],  # Estimator.attach reads it
}

# The same algorithm under another region's account, and what fails as it does at AWS.
elsewhere = training_request(NAME + "-eu", "813361260812.dkr.ecr.eu-central-1.amazonaws.com/image-classification:latest")
sagemaker.create_training_job(**elsewhere)
waiter.wait(TrainingJobName=NAME + "-eu", WaiterConfig={"Delay": 1, "MaxAttempts": 60})
saw["elsewhere"] = sagemaker.describe_training_job(TrainingJobName=NAME + "-eu")["TrainingJobStatus"]
saw["errors"] = {
    "trainAgain": error_of(sagemaker.create_training_job, **request),
    "absentJob": error_of(sagemaker.describe_training_job, TrainingJobName="absent"),
    "absentEndpoint": error_of(sagemaker.describe_endpoint, EndpointName="absent"),
    "absentInvoke": error_of(runtime.invoke_endpoint, EndpointName="absent", Body=b"x"),
    "absentRole": error_of(iam.get_role, RoleName="absent"),
    "absentKey": error_of(s3.get_object, Bucket=bucket, Key="absent"),
    "absentHead": error_of(s3.head_object, Bucket=bucket, Key="absent"),
    "absentBucket": error_of(s3.list_objects_v2, Bucket="absent-bucket"),
}

# --- Estimator.deploy()
sagemaker.create_model(
    ModelName=NAME,
    PrimaryContainer={"Image": image, "Environment": {}, "ModelDataUrl": saw["fit"]["artifact"]},
    ExecutionRoleArn=role,
)


def endpoint_config(name):
    return sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[
            {
                "VariantName": "AllTraffic",
                "ModelName": NAME,
                "InitialVariantWeight": 1,
                "InitialInstanceCount": 1,
                "InstanceType": "ml.m5.xlarge",
            }
        ],
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": base + "/data_capture",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {
                "CsvContentTypes": ["text/csv"],
                "JsonContentTypes": ["application/json"],
            },
        },
    )


endpoint_config(NAME)
sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME, Tags=[])
statuses = []
while not statuses or statuses[-1] in ("Creating", "Updating"):
    time.sleep(0.1)
    statuses.append(sagemaker.describe_endpoint(EndpointName=NAME)["EndpointStatus"])
in_service = sagemaker.get_waiter("endpoint_in_service")
in_service.wait(EndpointName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 5})
saw["deploy"] = {"statuses": statuses, "again": error_of(endpoint_config, name=NAME)}

# --- Predictor.predict()
tests = sorted(os.listdir(os.path.join(folder, "test")))
answers = []
for number, name in enumerate(tests):
    with open(os.path.join(folder, "test", name), "rb") as file:
        answer = runtime.invoke_endpoint(
            EndpointName=NAME,
            ContentType="image/png" if number else "application/x-image",
            Accept="*/*",
            Body=file.read(),
        )
    answers.append(
        {
            "key": "%s/test/%s" % (PREFIX, name),
            "body": answer["Body"].read().decode(),
            "contentType": answer["ContentType"],
            "variant": answer["InvokedProductionVariant"],
        }
    )
for answer in answers:
    # A float32 widened to a double, printed as Python prints it.
    answer["isPython"] = str(json.loads(answer["body"])) == answer["body"]
saw["answers"] = answers
try:
    runtime.invoke_endpoint(EndpointName=NAME, ContentType="image/png", Body=b"rubbish")
except runtime.exceptions.ModelError as error:
    saw["modelError"] = {
        "status": error.response["ResponseMetadata"]["HTTPStatusCode"],
        "original": error.response["OriginalStatusCode"],
        "message": error.response["Error"]["Message"],
        "body": error.response["OriginalMessage"],
    }

# --- what was captured, found as notebooks find it (ListObjects) and as the SDK does (ListObjectsV2, HeadObject, GetObject)
captured = "%s/data_capture/%s/AllTraffic" % (PREFIX, NAME)
found = []
for attempt in range(50):
    keys = [one.key for one in session.resource("s3").Bucket(bucket).objects.filter(Prefix=captured)]
    found = []
    for key in keys:
        path = os.path.join(folder, "captured.jsonl")
        s3.download_file(bucket, key, path)
        with open(path, newline="") as file:
            found.extend(file.read().splitlines(True))
    if len(found) >= len(answers):
        break
    time.sleep(0.1)
pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=captured, PaginationConfig={"PageSize": 1})
saw["captures"] = {
    "keys": keys,
    "keysV2": [one["Key"] for page in pages for one in page["Contents"]],
    "lines": found,
}

# --- a new configuration while it serves
endpoint_config(NAME + "-2")
sagemaker.update_endpoint(EndpointName=NAME, EndpointConfigName=NAME + "-2")
saw["duringUpdate"] = runtime.invoke_endpoint(
    EndpointName=NAME, ContentType="image/png", Body=open(os.path.join(folder, "test", tests[0]), "rb")
)["ContentType"]
in_service.wait(EndpointName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
saw["updatedTo"] = sagemaker.describe_endpoint(EndpointName=NAME)["EndpointConfigName"]

saw.update(endpoint=NAME, prefix=PREFIX, role=role)
json.dump(saw, sys.stdout)
