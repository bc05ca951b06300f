"""First step: reads a picture from S3 and passes it on as base64 text."""

import base64

import boto3

s3 = boto3.client("s3")


def lambda_handler(event, context):
    bucket = event["s3_bucket"]
    key = event["s3_key"]

    s3.download_file(bucket, key, "/tmp/image.png")
    with open("/tmp/image.png", "rb") as file:
        image_data = base64.b64encode(file.read()).decode("ascii")

    return {
        "statusCode": 200,
        "body": {"image_data": image_data, "s3_bucket": bucket, "s3_key": key, "inferences": []},
    }
