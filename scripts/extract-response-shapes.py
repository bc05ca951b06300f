"""Writes src/services/states/test-state/response-shapes.json: what TestState checks mocked results against.

    python3 scripts/extract-response-shapes.py [--check]

--check compares instead, and exits with 77 where another botocore is installed than the file was made from.

The answers of operations as AWS's own models (botocore's copy) describe them, with what the models of src/wire leave out:
required members, lengths, ranges and enumerations. Of Scones' services every modelled operation; of other services those that
Step Functions integrates by name, and a few that workflows call. Named as `aws-sdk:<service>` names them, members in Pascal case.
"""

import json
import pathlib
import sys

import botocore
from botocore.loaders import Loader

# Change it together with the file: models differ from version to version.
version = "1.43.11"
root = pathlib.Path(__file__).resolve().parent.parent
target = root / "src/services/states/test-state/response-shapes.json"

# Scones' model -> the name in `aws-sdk:` and botocore's name.
own = {
    "application-autoscaling": ("applicationautoscaling", "application-autoscaling"),
    "events": ("eventbridge", "events"),
    "iam": ("iam", "iam"),
    "lambda": ("lambda", "lambda"),
    "logs": ("cloudwatchlogs", "logs"),
    "monitoring": ("cloudwatch", "cloudwatch"),
    "s3": ("s3", "s3"),
    "sagemaker": ("sagemaker", "sagemaker"),
    "sagemaker-runtime": ("sagemakerruntime", "sagemaker-runtime"),
    "sns": ("sns", "sns"),
    "sqs": ("sqs", "sqs"),
    "states": ("sfn", "stepfunctions"),
    "sts": ("sts", "sts"),
}
others = {
    "athena": ("athena", ["StartQueryExecution", "StopQueryExecution", "GetQueryExecution", "GetQueryResults"]),
    "batch": ("batch", ["SubmitJob", "DescribeJobs"]),
    "bedrockruntime": ("bedrock-runtime", ["InvokeModel"]),
    "codebuild": ("codebuild", ["StartBuild", "StopBuild", "BatchGetBuilds"]),
    "dynamodb": ("dynamodb", ["GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan"]),
    "ecs": ("ecs", ["RunTask", "DescribeTasks"]),
    "glue": ("glue", ["StartJobRun", "GetJobRun"]),
    "kms": ("kms", ["Encrypt", "Decrypt", "GenerateDataKey", "Sign", "Verify"]),
    "rekognition": ("rekognition", ["DetectLabels", "DetectText", "DetectFaces", "DetectModerationLabels"]),
    "secretsmanager": ("secretsmanager", ["GetSecretValue", "PutSecretValue", "CreateSecret"]),
    "ssm": ("ssm", ["GetParameter", "GetParameters", "PutParameter"]),
}


def pascal(name):
    return name[:1].upper() + name[1:]


def shapes_of(model, operations):
    """Shapes by name, as far as the answers of the operations reach; `operations` names the answer of each."""
    kept = {}

    def keep(name):
        if name in kept:
            return name
        shape = model["shapes"][name]
        kind = shape["type"]
        kept[name] = written = {}
        if kind == "structure" and not shape.get("document"):
            written["members"] = {pascal(member): keep(ref["shape"]) for member, ref in shape["members"].items()}
            if shape.get("required"):
                written["required"] = [pascal(member) for member in shape["required"]]
        elif kind == "list":
            written["element"] = keep(shape["member"]["shape"])
        elif kind == "map":
            written["value"] = keep(shape["value"]["shape"])
        elif kind in ("string", "blob", "timestamp"):
            written["kind"] = "string"
        elif kind in ("integer", "long", "float", "double"):
            written["kind"] = "number"
        elif kind == "boolean":
            written["kind"] = "boolean"
        for limit in ("min", "max", "enum"):
            if limit in shape:
                written[limit] = shape[limit]
        return name

    answers = {}
    for operation in operations:
        output = model["operations"].get(operation, {}).get("output")
        if output:
            answers[operation] = keep(output["shape"])
    return {"operations": answers, "shapes": kept}


def wanted():
    """`aws-sdk:` name -> (botocore's name, operations): as listed above, or for --check as they were written."""
    listed = dict(others)
    for name, (sdk, boto) in own.items():
        listed[sdk] = (boto, list(json.loads((root / f"src/wire/models/{name}.json").read_text())["operations"]))
    if "--check" not in sys.argv:
        return listed
    written = json.loads(target.read_text())
    return {sdk: (boto, list(written[sdk]["operations"])) for sdk, (boto, _) in listed.items()}


def as_text(services):
    """One line for each shape, so that a new version of a model can be read as a difference."""
    lines = []
    for sdk, model in sorted(services.items()):
        parts = []
        for part in ("operations", "shapes"):
            members = [f"{json.dumps(name)}:{json.dumps(value, separators=(',', ':'))}" for name, value in sorted(model[part].items())]
            parts.append(f'"{part}":{{\n' + ",\n".join(members) + "}")
        lines.append(f'"{sdk}":{{' + ",\n".join(parts) + "}")
    return "{" + ",\n".join(lines) + "}\n"


if botocore.__version__ != version:
    print(f"made from botocore {version}, not {botocore.__version__}", file=sys.stderr)
    sys.exit(77)
loader = Loader()
text = as_text(
    {sdk: shapes_of(loader.load_service_model(boto, "service-2"), operations) for sdk, (boto, operations) in wanted().items()}
)
if "--check" in sys.argv:
    sys.exit(None if target.read_text() == text else f"{target} is not what botocore {botocore.__version__} has")
target.parent.mkdir(exist_ok=True)
target.write_text(text)
print(f"{len(text)} bytes from botocore {botocore.__version__}")
