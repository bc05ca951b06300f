"""Creates the example's three Python functions with boto3, as its user would: one zip archive each.

Arguments: the folder of the functions, the name of the endpoint, and the confidence that is asked for."""

import io
import os
import sys
import zipfile

import boto3

folder, endpoint, threshold = sys.argv[1:]
client = boto3.client("lambda")
for name in ("serialize-image-data", "classify-image", "filter-low-confidence"):
    module = name.replace("-", "_")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.write(os.path.join(folder, module + ".py"), module + ".py")
    client.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role="arn:aws:iam::000000000000:role/service-role/functions",
        Handler=module + ".lambda_handler",
        Code={"ZipFile": archive.getvalue()},
        Timeout=30,
        MemorySize=256,
        Environment={"Variables": {"ENDPOINT": endpoint, "THRESHOLD": threshold}},
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
