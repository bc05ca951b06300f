// Python functions of our own in the shapes in which people write the three functions of the workflow: where they find the data
// in their event, how they reach S3 and the endpoint, in what form they keep the inferences, what they return, how they fail.

/** Python expressions: where the data object is in the event, and what is returned. `data` is the object. */
export interface Flow {
  reads: string;
  returns: string;
}

export const flows = {
  /** `{"statusCode": 200, "body": {...}}` goes through. */
  body: { reads: 'event["body"]', returns: '{"statusCode": 200, "body": data}' },
  /** The state machine cuts out the body, which is an object ... */
  bare: { reads: "event", returns: '{"statusCode": 200, "body": data}' },
  /** ... or text of JSON, which Step Functions hands to the next function as an object. */
  text: { reads: "event", returns: '{"statusCode": 200, "body": json.dumps(data)}' },
  /** The function parses the text itself. */
  parsed: { reads: 'json.loads(event["body"])', returns: '{"statusCode": 200, "body": json.dumps(data)}' },
  /** No body at all. */
  flat: { reads: "event", returns: "data" },
  /** The whole answer of Invoke is the next event. */
  whole: { reads: 'event["Payload"]["body"]', returns: '{"statusCode": 200, "body": data}' },
  /** The whole answer lies below `body` of the first event. */
  below: { reads: 'event["body"]["Payload"]["body"]', returns: '{"statusCode": 200, "body": data}' },
} as const satisfies Record<string, Flow>;

const reading = {
  file: `boto3.client("s3").download_file(bucket, key, "/tmp/image.png")
    with open("/tmp/image.png", "rb") as picture:
        content = picture.read()`,
  resource: `boto3.resource("s3").Bucket(bucket).download_file(key, "/tmp/image.png")
    content = open("/tmp/image.png", "rb").read()`,
  object: 'content = boto3.resource("s3").Object(bucket, key).get()["Body"].read()',
  stream: `target = io.BytesIO()
    boto3.client("s3").download_fileobj(bucket, key, target)
    content = target.getvalue()`,
};

const placing = {
  names: 'bucket, key = event["s3_bucket"], event["s3_key"]',
  short: 'bucket, key = event["bucket"], event["key"]',
  uri: 'bucket, key = event["s3_input_uri"][len("s3://"):].split("/", 1)',
};

export interface Serialize {
  by: keyof typeof reading;
  from?: keyof typeof placing;
  /** Bytes, as `b64encode` gives them, or text. */
  as: "bytes" | "text";
  returns: string;
}

export function serialize({ by, from = "names", as, returns }: Serialize): string {
  return `import base64
import io
import json
import boto3

def lambda_handler(event, context):
    ${placing[from]}
    ${reading[by]}
    image_data = base64.b64encode(content)${as === "text" ? '.decode("utf-8")' : ""}
    data = {"image_data": image_data, "s3_bucket": bucket, "s3_key": key, "inferences": []}
    return ${returns}
`;
}

const asking = {
  "runtime.sagemaker": boto3Asking("runtime.sagemaker"),
  "sagemaker-runtime": boto3Asking("sagemaker-runtime"),
  predictor: `predictor = sagemaker.predictor.Predictor(ENDPOINT, sagemaker_session=sagemaker.Session())
    predictor.serializer = IdentitySerializer("image/png")
    answer = predictor.predict(image)`,
};

function boto3Asking(client: string): string {
  return `runtime = boto3.client("${client}")
    answer = runtime.invoke_endpoint(EndpointName=ENDPOINT, ContentType="image/png", Body=image)["Body"].read()`;
}

export interface Classify extends Flow {
  by: keyof typeof asking;
  /** How the inferences are kept: text of JSON, a list, or the bytes of the answer. */
  as: "text" | "list" | "bytes";
  endpoint: string;
}

export function classify({ by, as, endpoint, reads, returns }: Classify): string {
  const kept = { text: 'answer.decode("utf-8")', list: "json.loads(answer)", bytes: "answer" }[as];
  return `import base64
import json
import boto3
${by === "predictor" ? "import sagemaker\nfrom sagemaker.serializers import IdentitySerializer" : ""}
ENDPOINT = "${endpoint}"

def lambda_handler(event, context):
    data = ${reads}
    image = base64.b64decode(data["image_data"])
    ${asking[by]}
    data["inferences"] = ${kept}
    return ${returns}
`;
}

const failing = {
  text: 'raise("THRESHOLD_CONFIDENCE_NOT_MET")',
  exception: 'raise Exception("THRESHOLD_CONFIDENCE_NOT_MET")',
  value: 'raise ValueError("THRESHOLD_CONFIDENCE_NOT_MET")',
  json: 'raise Exception(json.dumps({"statusCode": 400, "reason": "THRESHOLD_CONFIDENCE_NOT_MET"}))',
  swallowed: 'return {"statusCode": 500, "body": "THRESHOLD_CONFIDENCE_NOT_MET"}',
  told: 'return {"meets_threshold": False}',
};

export interface Filter extends Flow {
  fails: keyof typeof failing;
  tests?: "any" | "max";
}

export function filter({ fails, tests = "any", reads, returns }: Filter): string {
  const passes = tests === "any" ? "any(x >= THRESHOLD for x in inferences)" : "max(inferences) >= THRESHOLD";
  return `import json

THRESHOLD = .93

def lambda_handler(event, context):
    data = ${reads}
    inferences = data["inferences"]
    if isinstance(inferences, str):
        inferences = json.loads(inferences)
    if not ${passes}:
        ${failing[fails]}
    return ${fails === "told" ? '{"meets_threshold": True}' : returns}
`;
}

/** Reads the reason that a handler packed into its exception, as it arrives through Catch. */
export const readsCause = `import json

def lambda_handler(event, context):
    return json.loads(json.loads(event["Cause"])["errorMessage"])
`;
