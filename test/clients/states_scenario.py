"""Calls Step Functions as a list of steps on standard input says, by boto3 or by the AWS command (in this process, argument by argument).

    states_scenario.py boto3 ENDPOINT < steps.json
    scones run -- states_scenario.py aws < steps.json

Prints one JSON object: the client's version, the operations it has and those it called, what each step answered. Steps whose
operation this client is too old to know are left out."""

import contextlib
import io
import json
import sys
import time

if sys.argv[1] == "aws":
    import awscli.clidriver  # Debian's brings a botocore of its own, which must be found first.

import botocore
import botocore.session
from botocore import xform_name

steps = json.load(sys.stdin)
model = botocore.session.get_session().get_service_model("stepfunctions")
called = set()


def boto3_caller():
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "stepfunctions",
        endpoint_url=sys.argv[2],
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(inject_host_prefix=False, retries={"max_attempts": 1}),
    )

    def call(operation, arguments):
        return getattr(client, xform_name(operation))(**arguments)

    def pages(operation, arguments, member):
        paginator = client.get_paginator(xform_name(operation))
        return [page[member] for page in paginator.paginate(PaginationConfig={"PageSize": 1}, **arguments)]

    return call, pages, client.can_paginate


def aws_caller():
    driver = awscli.clidriver.create_clidriver()

    def run(operation, arguments, *more):
        command = ["--output", "json", "stepfunctions", xform_name(operation, "-")]
        command += ["--cli-input-json", json.dumps(arguments), *more]
        printed = io.StringIO()
        # Older ones write to a buffer beneath the text, newer ones to the text itself.
        printed.buffer = io.BytesIO()
        with contextlib.redirect_stdout(printed):
            code = driver.main(command)
        if code != 0:
            raise RuntimeError("aws %s ended with %d" % (" ".join(command), code))
        text = printed.getvalue() or printed.buffer.getvalue().decode()
        return json.loads(text) if text.strip() else {}

    def pages(operation, arguments, member):
        return [[item] for item in run(operation, arguments, "--page-size", "1")[member]]

    return run, pages, lambda name: True


call, pages, can_paginate = boto3_caller() if sys.argv[1] == "boto3" else aws_caller()
saved = {}


def filled(value):
    if isinstance(value, dict):
        if list(value) == ["json"]:
            return json.dumps(filled(value["json"]))
        return {name: filled(one) for name, one in value.items()}
    if isinstance(value, list):
        return [filled(one) for one in value]
    return saved[value[1:]] if isinstance(value, str) and value.startswith("$") and value[1:] in saved else value


def at(answer, path):
    for part in path.split("."):
        if isinstance(answer, list):
            answer = answer[int(part)] if int(part) < len(answer) else None
        else:
            answer = (answer or {}).get(part)
    return answer


def perform(step):
    operation, arguments = step["operation"], filled(step["input"])
    if "pages" in step and can_paginate(xform_name(operation)):
        read = pages(operation, arguments, step["pages"])
        return {"pages": len(read), "items": sum(len(page) for page in read)}
    answer = call(operation, arguments)
    path, value = step.get("until", (None, None))
    for _ in range(200):
        if path is None or str(at(answer, path)) == value or (value == "*" and at(answer, path) is not None):
            return answer
        time.sleep(0.05)
        answer = call(operation, arguments)
    raise RuntimeError("%s never had %s = %s: %r" % (operation, path, value, answer))


answers = []
for step in steps:
    if not {step["operation"], step.get("needs", step["operation"])} <= set(model.operation_names):
        continue
    answer = perform(step)
    called.add(step["operation"])
    for name, path in step.get("save", {}).items():
        saved[name] = at(answer, path)
    answers.append({"operation": step["operation"], "answer": answer})

known = sorted(model.operation_names)
print(json.dumps({"version": botocore.__version__, "known": known, "called": sorted(called), "answers": answers}, default=str))
