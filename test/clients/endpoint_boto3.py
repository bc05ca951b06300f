"""Deploys a model of the user's own with boto3, asks it, transforms a prefix in batch, and prints what came of it as JSON.

    endpoint_boto3.py ENDPOINT"""

import json
import sys

import boto3

settings = {
    "endpoint_url": sys.argv[1],
    "region_name": "us-east-1",
    "aws_access_key_id": "test",
    "aws_secret_access_key": "test",
}
sagemaker = boto3.client("sagemaker", **settings)
runtime = boto3.client("sagemaker-runtime", **settings)
s3 = boto3.client("s3", **settings)

sagemaker.create_model(
    ModelName="from-boto3",
    PrimaryContainer={
        "Image": "process:python3 code/serve.py",
        "ModelDataUrl": "s3://models/model.tar.gz",
        "Environment": {"COLOUR": "violet"},
    },
    ExecutionRoleArn="arn:aws:iam::000000000000:role/anything",
)
sagemaker.create_endpoint_config(
    EndpointConfigName="from-boto3",
    ProductionVariants=[
        {"VariantName": "AllTraffic", "ModelName": "from-boto3", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    ],
)
sagemaker.create_endpoint(EndpointName="from-boto3", EndpointConfigName="from-boto3")
sagemaker.get_waiter("endpoint_in_service").wait(
    EndpointName="from-boto3", WaiterConfig={"Delay": 1, "MaxAttempts": 30}
)
answer = json.load(runtime.invoke_endpoint(EndpointName="from-boto3", ContentType="text/plain", Body=b"hello")["Body"])

s3.put_object(Bucket="models", Key="rows/a.csv", Body=b"1,2\n3,4,5\n")
s3.put_object(Bucket="models", Key="rows/b.csv", Body=b"6\n")
sagemaker.create_transform_job(
    TransformJobName="rows",
    ModelName="from-boto3",
    TransformInput={
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://models/rows/"}},
        "ContentType": "text/csv",
        "SplitType": "Line",
    },
    TransformOutput={"S3OutputPath": "s3://models/counted", "Accept": "text/csv", "AssembleWith": "Line"},
    DataProcessing={"JoinSource": "Input"},
    TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
)
sagemaker.get_waiter("transform_job_completed_or_stopped").wait(
    TransformJobName="rows", WaiterConfig={"Delay": 1, "MaxAttempts": 30}
)
job = sagemaker.describe_transform_job(TransformJobName="rows")
outputs = {
    one["Key"]: s3.get_object(Bucket="models", Key=one["Key"])["Body"].read().decode()
    for one in s3.list_objects_v2(Bucket="models", Prefix="counted/")["Contents"]
}
sagemaker.delete_endpoint(EndpointName="from-boto3")
sagemaker.get_waiter("endpoint_deleted").wait(EndpointName="from-boto3", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
print(json.dumps({"colour": answer["colour"], "status": job["TransformJobStatus"], "outputs": outputs}))
