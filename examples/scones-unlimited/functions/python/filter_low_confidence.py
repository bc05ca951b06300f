"""Third step: lets a picture pass only if the model is sure of at least one class, and fails loudly otherwise."""

import os

THRESHOLD = float(os.environ.get("THRESHOLD", "0.93"))


class THRESHOLD_CONFIDENCE_NOT_MET(Exception):
    """The name of this class is the name of the error that the state machine sees."""


def lambda_handler(event, context):
    confidence = max(event["inferences"])

    if confidence < THRESHOLD:
        raise THRESHOLD_CONFIDENCE_NOT_MET("the model is %.4f sure, and %s is asked for" % (confidence, THRESHOLD))

    return {"statusCode": 200, "body": event}
