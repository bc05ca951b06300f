# Calls every operation that the wire has a model of, by whatever botocore this python has, with the least and with the most
# that botocore's own model of the operation allows. Prints what it sent and what it understood of the answer, a line each.
import json
import re
import sys
from datetime import datetime, timezone

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

endpoint, wanted = sys.argv[1], json.loads(sys.argv[2])
moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
arns = [
    "arn:aws:iam::123456789012:role/name",
    "arn:aws:lambda:us-east-1:123456789012:function:name",
    "arn:aws:sagemaker:us-east-1:123456789012:endpoint/name",
    "arn:aws:states:us-east-1:123456789012:stateMachine:name",
]
candidates = ["name", "name-1", "1", "a" * 20, "s3://bucket/key", *arns, "us-east-1", "123456789012", "/path", "a.b", "a/b:1.0"]
candidates += ["arn:aws:lambda:us-east-1:123456789012:layer:name:1", "subnet-1", "sha256:" + "a" * 64, "https://a.b/c", "1,2"]
candidates += ["20:00-21:00", "Mon:00:00", "cron(0 * ? * * *)", "1.1.1.1/1", "$LATEST", "aa:aa", "{}", "lambda:InvokeFunction"]
candidates += ["arn:aws:sagemaker:us-east-1:123456789012:model-package/name"]
# What botocore itself changes on its way out, or what decides where the request goes.
left_out = {
    ("s3", "ContentLength"), ("s3", "ContentMD5"), ("s3", "ChecksumAlgorithm"), ("s3", "CopySource"), ("s3", "WriteOffsetBytes"),
    ("s3", "SSECustomerKey"), ("s3", "SSECustomerKeyMD5"), ("s3", "CopySourceSSECustomerKey"), ("s3", "EncodingType"),
    ("s3", "CopySourceSSECustomerKeyMD5"), ("s3", "ExpectedBucketOwner"), ("events", "EndpointId"), ("s3", "MpuObjectSize"),
    ("sqs", "MessageSystemAttributes"), ("lambda", "ZipFile"), ("s3", "Expires"),
}  # fmt: skip


class Unbuildable(Exception):
    pass


def build(service, name, shape, is_most, path):
    kind = shape.type_name
    meta = shape.metadata
    if kind == "structure":
        if shape.name in path:
            raise Unbuildable(shape.name)
        names = list(shape.members) if is_most else list(shape.required_members)
        if getattr(shape, "is_tagged_union", False):
            names = list(shape.members)[:1]
        built = {}
        for one in names:
            is_required = one in shape.required_members
            if (service, one) in left_out and not is_required or one.startswith("Checksum"):
                continue
            try:
                built[one] = build(service, one, shape.members[one], is_most and len(path) < 6, path + [shape.name])
            except Unbuildable:
                if is_required:
                    raise
        return built
    if kind == "list":
        return [build(service, name, shape.member, is_most, path)] * max(1, meta.get("min", 1))
    if kind == "map":
        return {build(service, name, shape.key, is_most, path): build(service, name, shape.value, is_most, path)}
    if kind == "string":
        return text(service, name, shape)
    if kind in ("integer", "long"):
        return max(meta.get("min", 0), min(3, meta.get("max", 3)))
    if kind in ("float", "double"):
        return max(meta.get("min", 0), 0.5)
    return {"boolean": True, "blob": b"\x00\xffbytes", "timestamp": moment}[kind]


def text(service, name, shape):
    meta = shape.metadata
    if meta.get("enum"):
        return meta["enum"][0]
    special = {
        "QueueUrl": endpoint + "/000000000000/q", "CopySource": "bucket/key", "Bucket": "bucket", "Policy": "{}",
        "InvocationType": "RequestResponse", "Key": "a key/with &<>ü",
    }  # fmt: skip
    if name in special and (service, name) != ("s3", "Policy") and not (name == "Key" and service != "s3"):
        return special[name]
    least, most = meta.get("min", 0), meta.get("max", 10**6)
    for candidate in candidates:
        one = candidate if len(candidate) >= least else candidate + "a" * (least - len(candidate))
        if len(one) <= most and ("pattern" not in meta or matches(meta["pattern"], one)):
            return one
    raise Unbuildable(f"{name}: {meta.get('pattern')}")


def matches(pattern, one):
    translated = re.sub(r"\\p\{\w+\}", r"\\w", pattern.replace("\\p{Print}", " -~"))
    try:
        return re.fullmatch(translated, one) is not None
    except re.error:
        return True


def plain(value):
    if isinstance(value, (bytes, bytearray)):
        return {"$bytes": bytes(value).hex()}
    if isinstance(value, datetime):
        return {"$time": value.timestamp()}
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if hasattr(value, "read"):
        return plain(value.read())
    if hasattr(value, "__iter__") and not isinstance(value, str):
        return [plain(one) for one in value]
    return value


session = botocore.session.get_session()
config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}, inject_host_prefix=False, parameter_validation=False)
clients = {"states": "stepfunctions", "monitoring": "cloudwatch"}
for service, operations in wanted.items():
    client = session.create_client(
        clients.get(service, service), region_name="us-east-1", endpoint_url=endpoint, config=config,
        aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="a secret",
    )  # fmt: skip
    model = client.meta.service_model
    for operation in operations:
        if operation not in model.operation_names:
            print(json.dumps({"service": service, "operation": operation, "skipped": "unknown to this botocore"}))
            continue
        shape = model.operation_model(operation).input_shape
        for variant in ("least", "most"):
            line = {"service": service, "operation": operation, "variant": variant}
            try:
                params = {} if shape is None else build(service, "", shape, variant == "most", [])
                line["params"] = plain(params)
                answer = client._make_api_call(operation, params)
                answer.pop("ResponseMetadata")
                line["output"] = plain(answer)
            except Unbuildable as error:
                line["skipped"] = f"cannot build {error}"
            except ClientError as error:
                line["error"] = str(error)
            except Exception as error:
                line["error"] = repr(error)
            print(json.dumps(line))
