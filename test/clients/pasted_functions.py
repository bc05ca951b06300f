"""Functions of our own with the habits of published ones: bytes in the result, JSON text as a body, `sagemaker` in a
function, a raised text, and names of another account and region. Composed in both query languages and executed.

Arguments: the name of the endpoint, the confidence asked for, a bucket, the key of a picture that the model is sure of, and of one that it is not.
Prints what became of each execution."""

import io
import json
import sys
import time
import zipfile

import boto3

endpoint, threshold, bucket, sure, unsure = sys.argv[1:]

SOURCES = {
    "serialize": """
import json
import boto3
import base64

s3 = boto3.resource('s3')

def lambda_handler(event, context):
    s3.Bucket(event['s3_bucket']).download_file(event['s3_key'], '/tmp/image.png')
    with open('/tmp/image.png', 'rb') as f:
        image_data = base64.b64encode(f.read())
    return {
        'statusCode': 200,
        'body': {'image_data': image_data, 's3_bucket': event['s3_bucket'], 's3_key': event['s3_key'], 'inferences': []}
    }
""",
    "classify": """
import json
import sagemaker
import base64
from sagemaker.serializers import IdentitySerializer

def lambda_handler(event, context):
    image = base64.b64decode(event['body']['image_data'])
    predictor = sagemaker.predictor.Predictor('%s', sagemaker_session=sagemaker.Session())
    predictor.serializer = IdentitySerializer('image/png')
    event['inferences'] = predictor.predict(image).decode('utf-8')
    return {'statusCode': 200, 'body': json.dumps(event)}
"""
    % endpoint,
    "filter": """
import json

THRESHOLD = %s

def lambda_handler(event, context):
    inferences = json.loads(json.loads(event['body'])['inferences'])
    if any(x >= THRESHOLD for x in inferences):
        pass
    else:
        raise("not sure enough")
    return {'statusCode': 200, 'body': json.dumps(inferences)}
"""
    % threshold,
}

functions = boto3.client("lambda")
states = boto3.client("stepfunctions")
role = "arn:aws:iam::123456789012:role/service-role/pasted"
for name, source in SOURCES.items():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("lambda_function.py", source)
    functions.create_function(
        FunctionName="pasted-" + name,
        Runtime="python3.8",
        Role=role,
        Handler="lambda_function.lambda_handler",
        Code={"ZipFile": archive.getvalue()},
        Timeout=60,
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="pasted-" + name, WaiterConfig={"Delay": 1})

json_path = {"Parameters": {"Payload.$": "$"}, "OutputPath": "$.Payload"}
jsonata = {"Arguments": {"Payload": "{% $states.input %}"}, "Output": "{% $states.result.Payload %}"}


def machine(language, fields):
    chain = {}
    for name, following in (("serialize", "classify"), ("classify", "filter"), ("filter", None)):
        state = json.loads(json.dumps(fields))
        arguments = state.get("Parameters") or state["Arguments"]
        arguments["FunctionName"] = "arn:aws:lambda:us-east-2:123456789012:function:pasted-%s:$LATEST" % name
        state.update(Type="Task", Resource="arn:aws:states:::lambda:invoke")
        state.update({"Next": following} if following else {"End": True})
        chain[name] = state
    definition = {"QueryLanguage": language, "StartAt": "serialize", "States": chain}
    return states.create_state_machine(name="Pasted" + language, definition=json.dumps(definition), roleArn=role)


outcomes = []
for language, fields in (("JSONPath", json_path), ("JSONata", jsonata)):
    arn = machine(language, fields)["stateMachineArn"]
    for key in (sure, unsure):
        given = json.dumps({"image_data": "", "s3_bucket": bucket, "s3_key": key})
        execution = states.start_execution(stateMachineArn=arn, input=given)["executionArn"]
        for attempt in range(300):
            seen = states.describe_execution(executionArn=execution)
            if seen["status"] != "RUNNING":
                break
            time.sleep(0.1)
        outcome = [language, seen["status"], seen.get("error")]
        if "output" in seen:
            outcome.append(json.loads(seen["output"])["body"])
        else:
            outcome.append(json.loads(seen["cause"])["errorMessage"])
        outcomes.append(outcome)
json.dump(outcomes, sys.stdout)
