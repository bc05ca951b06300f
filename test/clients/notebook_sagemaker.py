"""The cells of an image classification notebook, with the SageMaker Python SDK as it is published and no word about Scones.

The last line printed is JSON: what the cells saw."""

import json
import os
import tempfile
import time

import boto3
import sagemaker
from sagemaker import image_uris
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.model_monitor import DataCaptureConfig
from sagemaker.predictor import Predictor
from sagemaker.s3 import S3Downloader
from sagemaker.serializers import IdentitySerializer

from pictures import write_data_set

saw = {"sdk": sagemaker.__version__}

session = sagemaker.Session()
bucket = session.default_bucket()
region = session.boto_region_name
role = sagemaker.get_execution_role()
saw.update(bucket=bucket, region=region, role=role)

folder = tempfile.mkdtemp()
write_data_set(folder, train=24, test=8)
prefix = "notebook-sdk"
for split in ("train", "test"):
    session.upload_data(os.path.join(folder, split), bucket=bucket, key_prefix=prefix + "/" + split)
    boto3.Session().resource("s3").Bucket(bucket).Object(prefix + "/%s.lst" % split).upload_file(
        os.path.join(folder, split + ".lst")
    )

algo_image = image_uris.retrieve("image-classification", region, version="latest")
saw["image"] = algo_image
s3_output_location = "s3://%s/%s/models/image_model" % (bucket, prefix)
estimator = Estimator(
    image_uri=algo_image,
    role=role,
    instance_count=1,
    instance_type="ml.p3.2xlarge",
    output_path=s3_output_location,
    sagemaker_session=session,
)
estimator.set_hyperparameters(image_shape="3,32,32", num_classes=2, num_training_samples=48, epochs=2, mini_batch_size=16)


def channel(path):
    return TrainingInput(s3_data="s3://%s/%s/%s" % (bucket, prefix, path), content_type="application/x-image")


estimator.fit(
    inputs={
        "train": channel("train/"),
        "validation": channel("test/"),
        "train_lst": channel("train.lst"),
        "validation_lst": channel("test.lst"),
    },
    logs=True,
)
saw["job"] = estimator.latest_training_job.name
saw["model"] = estimator.model_data
saw["attached"] = Estimator.attach(saw["job"], sagemaker_session=session).model_data

capture = DataCaptureConfig(
    enable_capture=True,
    sampling_percentage=100,
    destination_s3_uri="s3://%s/%s/data_capture" % (bucket, prefix),
)
deployment = estimator.deploy(
    initial_instance_count=1, instance_type="ml.m5.xlarge", data_capture_config=capture
)
endpoint = deployment.endpoint_name
saw["endpoint"] = endpoint

predictor = Predictor(endpoint, sagemaker_session=session)
predictor.serializer = IdentitySerializer("image/png")
with open(os.path.join(folder, "test", "bicycle_s_000001.png"), "rb") as file:
    payload = file.read()
inference = predictor.predict(payload)
saw["inference"] = inference.decode()

data_path = "s3://%s/%s/data_capture/%s/AllTraffic" % (bucket, prefix, endpoint)
for attempt in range(20):  # captures are written beside the answers, not before them
    with tempfile.TemporaryDirectory() as captured:
        S3Downloader.download(data_path, captured, sagemaker_session=session)
        files = [os.path.join(at, name) for at, _, names in os.walk(captured) for name in names]
        saw["captures"] = [json.loads(line)["captureData"]["endpointOutput"] for file in files for line in open(file)]
    if saw["captures"]:
        break
    time.sleep(0.5)

predictor.delete_endpoint()
boto3.client("sagemaker").get_waiter("endpoint_deleted").wait(
    EndpointName=endpoint, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
)
print("\n" + json.dumps(saw))
