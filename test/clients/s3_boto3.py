# What programs with boto3 do to S3, old or new: run with the address of the server; fails at the first surprise.
import io
import sys
import urllib.error
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

endpoint, key_id, secret = sys.argv[1:]
bucket = f"boto-{uuid.uuid4()}"
about = dict(endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=key_id, aws_secret_access_key=secret)
s3 = boto3.client("s3", **about, config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}))
at = {"Bucket": bucket, "Key": "dir/a b+é.bin"}


def refused(code, call, **given):
    try:
        call(**given)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return error.response
    raise AssertionError(f"{code} was expected")


def body(**given):
    return s3.get_object(**at, **given)["Body"].read()


def post(form, content):
    boundary = uuid.uuid4().hex
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in form["fields"].items()]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="sent.txt"\r\n\r\n'
    data = "".join([*parts, head]).encode() + content + f"\r\n--{boundary}--\r\n".encode()
    request = urllib.request.Request(form["url"], data, {"Content-Type": f"multipart/form-data; boundary={boundary}"})
    try:
        answer = urllib.request.urlopen(request)
    except urllib.error.HTTPError as error:
        answer = error
    return answer.status, answer.read()


s3.create_bucket(Bucket=bucket)
large = bytes(range(256)) * 36_000
parts = TransferConfig(multipart_threshold=5 * 2**20, multipart_chunksize=5 * 2**20, max_concurrency=4)
s3.upload_fileobj(io.BytesIO(large), bucket, at["Key"], ExtraArgs={"Metadata": {"Who": "me"}}, Config=parts)
head = s3.head_object(**at)
assert head["ContentLength"] == len(large) and head["ETag"].endswith('-2"') and head["Metadata"] == {"who": "me"}, head
back = io.BytesIO()
s3.download_fileobj(bucket, at["Key"], back, Config=parts)
assert back.getvalue() == large
assert body(Range="bytes=-5") == large[-5:] and body(Range="bytes=3-3") == large[3:4]
assert len(body(Range="bytes=0-1,4-5")) == len(large), "several ranges are answered with the whole, as S3 does"
assert refused("InvalidRange", s3.get_object, **at, Range="bytes=99999999-")["ResponseMetadata"]["HTTPStatusCode"] == 416
assert len(body(PartNumber=2)) == len(large) - 5 * 2**20
unchanged = refused("304", s3.get_object, **at, IfNoneMatch=head["ETag"])
assert unchanged["ResponseMetadata"]["HTTPHeaders"]["etag"] == head["ETag"]
refused("PreconditionFailed", s3.get_object, **at, IfMatch='"other"')
assert s3.get_object(**at, ResponseContentType="x/y")["ContentType"] == "x/y"

s3.copy_object(Bucket=bucket, Key="copy", CopySource=at, MetadataDirective="REPLACE", Metadata={"a": "b"}, ContentType="t/u")
copied = s3.head_object(Bucket=bucket, Key="copy")
assert copied["Metadata"] == {"a": "b"} and copied["ContentType"] == "t/u"
refused("NoSuchKey", s3.copy_object, Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "none"})

upload = s3.create_multipart_upload(**at)["UploadId"]
small = s3.upload_part(**at, UploadId=upload, PartNumber=1, Body=b"small")["ETag"]
last = s3.upload_part(**at, UploadId=upload, PartNumber=2, Body=b"last")["ETag"]
named = [{"PartNumber": 1, "ETag": small}, {"PartNumber": 2, "ETag": last}]
complete = dict(**at, UploadId=upload)
refused("EntityTooSmall", s3.complete_multipart_upload, **complete, MultipartUpload={"Parts": named})
refused("InvalidPartOrder", s3.complete_multipart_upload, **complete, MultipartUpload={"Parts": named[::-1]})
refused("InvalidPart", s3.complete_multipart_upload, **complete, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": last}]})
assert [part["Size"] for part in s3.list_parts(**complete)["Parts"]] == [5, 4]
assert len(s3.list_multipart_uploads(Bucket=bucket)["Uploads"]) == 1
s3.abort_multipart_upload(**complete)
refused("NoSuchUpload", s3.list_parts, **complete)

with ThreadPoolExecutor(8) as pool:
    list(pool.map(lambda number: s3.put_object(Bucket=bucket, Key=f"many/{number:04}/x", Body=b""), range(1001)))
pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="many/", Delimiter="/", PaginationConfig={"PageSize": 300})
assert sum(len(page["CommonPrefixes"]) for page in pages) == 1001
keys = [one["Key"] for page in s3.get_paginator("list_objects").paginate(Bucket=bucket, Prefix="many/") for one in page["Contents"]]
assert len(keys) == 1001
assert s3.list_objects_v2(Bucket=bucket, StartAfter="many/0999/x", Prefix="many/")["KeyCount"] == 1
quiet = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys[:1000]], "Quiet": True})
assert "Deleted" not in quiet and "Errors" not in quiet
refused("MalformedXML", s3.delete_objects, Bucket=bucket, Delete={"Objects": [{"Key": str(i)} for i in range(1001)]})

s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
first = s3.put_object(**at, Body=b"first")["VersionId"]
s3.put_object(**at, Body=b"second")
marker = s3.delete_object(**at)
assert marker["DeleteMarker"] is True
refused("NoSuchKey", s3.get_object, **at)
assert body(VersionId=first) == b"first"
s3.delete_object(**at, VersionId=marker["VersionId"])
assert body() == b"second"
s3.put_object_tagging(**at, VersionId=first, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
assert s3.get_object_tagging(**at, VersionId=first)["TagSet"] == [{"Key": "a", "Value": "b"}]

for version in ("s3", "s3v4"):
    signed = boto3.client("s3", **about, config=Config(signature_version=version, s3={"addressing_style": "path"}))
    put = signed.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "by address"})
    urllib.request.urlopen(urllib.request.Request(put, data=b"by address", method="PUT", headers={"content-type": ""}))
    get = signed.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "by address", "ResponseContentType": "x/z"})
    answer = urllib.request.urlopen(get)
    assert answer.read() == b"by address" and answer.headers["content-type"] == "x/z"

for version in ("s3", "s3v4"):
    signer = boto3.client("s3", **about, config=Config(signature_version=version, s3={"addressing_style": "path"}))
    form = signer.generate_presigned_post(
        bucket,
        "forms/${filename}",
        Fields={"Content-Type": "text/plain", "success_action_status": "201"},
        Conditions=[{"Content-Type": "text/plain"}, {"success_action_status": "201"}, ["content-length-range", 1, 9]],
    )
    stored = post(form, b"by a form")
    assert stored[0] == 201, stored
    sent = signer.get_object(Bucket=bucket, Key="forms/sent.txt")
    assert sent["Body"].read() == b"by a form" and sent["ContentType"] == "text/plain"
    assert post(form, b"by a form that is long")[0] == 400
    assert post({**form, "fields": {**form["fields"], "key": "elsewhere"}}, b"x")[0] == 403
    assert post({**form, "fields": {"key": "unsigned"}}, b"x")[0] == 403

boto3.resource("s3", **about).Bucket(bucket).object_versions.delete()
s3.delete_bucket(Bucket=bucket)
print("done")
