"""The few names of the SageMaker SDK that Lambda functions use, for functions that do not package the SDK themselves."""

import logging
import os

from . import deserializers, predictor, serializers, session
from .predictor import Predictor
from .session import Session

logging.getLogger("scones").warning("import sagemaker: served by Scones' small stand-in; package the SDK for all of it")


def get_execution_role(sagemaker_session=None):
    role = os.environ.get("AWS_ROLE_ARN")
    if role:
        return role
    import boto3

    account = boto3.client("sts").get_caller_identity()["Account"]
    return "arn:aws:iam::%s:role/service-role/AmazonSageMaker-ExecutionRole" % account
