"""The last cell: predictor.delete_endpoint() as the SageMaker Python SDK sends it, for the endpoint that is named."""

import json
import sys

import boto3

name = sys.argv[1]
sagemaker = boto3.client("sagemaker")
runtime = boto3.client("sagemaker-runtime")

config = sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"]
sagemaker.delete_endpoint_config(EndpointConfigName=config)
sagemaker.delete_endpoint(EndpointName=name)
sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
sagemaker.delete_model(ModelName=name)

errors = []
for call, arguments in (
    (sagemaker.describe_endpoint, {"EndpointName": name}),
    (sagemaker.describe_endpoint_config, {"EndpointConfigName": config}),
    (sagemaker.describe_model, {"ModelName": name}),
    (runtime.invoke_endpoint, {"EndpointName": name, "Body": b"x"}),
):
    try:
        call(**arguments)
    except runtime.exceptions.ClientError as error:
        errors.append([error.response["Error"]["Code"], error.response["Error"]["Message"]])
json.dump(errors, sys.stdout)
