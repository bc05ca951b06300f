"""Second step: asks the endpoint what the picture shows."""

import base64
import json
import os

import boto3

runtime = boto3.client("sagemaker-runtime")


def lambda_handler(event, context):
    image = base64.b64decode(event["image_data"])

    answer = runtime.invoke_endpoint(
        EndpointName=os.environ["ENDPOINT"],
        ContentType="application/x-image",
        Body=image,
    )
    event["inferences"] = json.loads(answer["Body"].read())

    return {"statusCode": 200, "body": event}
