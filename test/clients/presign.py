# Prints signed addresses of one object as boto3 makes them: now and two hours ago, with both versions of the signature.
import json
import os
import sys
from datetime import datetime, timedelta
from types import SimpleNamespace

# The native signer has a clock of its own, which cannot be set back.
os.environ["BOTO_DISABLE_CRT"] = "true"

import boto3
import botocore.auth
from botocore.config import Config

endpoint, key_id, secret = sys.argv[1:]


def address(version, method="get_object", expires=3600):
    config = Config(signature_version=version, s3={"addressing_style": "path"})
    s3 = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=key_id, aws_secret_access_key=secret, config=config
    )
    return s3.generate_presigned_url(method, Params={"Bucket": "guarded", "Key": "a key"}, ExpiresIn=expires)


def live_two_hours_ago():
    before = timedelta(hours=2)
    if hasattr(botocore.auth, "get_current_datetime"):
        now = botocore.auth.get_current_datetime
        botocore.auth.get_current_datetime = lambda *given, **named: now(*given, **named) - before
    else:
        past = SimpleNamespace(utcnow=lambda: datetime.utcnow() - before)
        botocore.auth.datetime = SimpleNamespace(datetime=past)


addresses = {"v4": address("s3v4"), "v2": address("s3"), "v2Expired": address("s3", expires=-7200)}
live_two_hours_ago()
addresses["v4Expired"] = address("s3v4")
print(json.dumps(addresses))
