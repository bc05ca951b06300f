"""The log of a Python function as on AWS: in text or, where LoggingConfig asks for it, in JSON."""

import json
import logging
import os
import sys
import time

LOGS_JSON = os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"


class RequestIdFilter(logging.Filter):
    request_id = ""

    def filter(self, record):
        record.aws_request_id = RequestIdFilter.request_id
        return True


class JsonFormatter(logging.Formatter):
    def __init__(self, frames_of):
        super().__init__()
        self.frames_of = frames_of

    def format(self, record):
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "timestamp": moment + ".%03dZ" % record.msecs,
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            "requestId": record.aws_request_id,
        }
        if record.exc_info:
            kind, error, _ = record.exc_info
            line.update(errorType=kind.__name__, errorMessage=str(error), stackTrace=self.frames_of(error))
        return json.dumps(line, default=str)


def set_up_logging(frames_of):
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(RequestIdFilter())
    logging.getLogger().addHandler(handler)
    if LOGS_JSON:
        handler.setFormatter(JsonFormatter(frames_of))
        level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "INFO")
        logging.getLogger().setLevel({"TRACE": "DEBUG", "FATAL": "CRITICAL"}.get(level, level))
        return
    formatter = logging.Formatter(
        "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)


def log_error(error):
    if LOGS_JSON:
        moment = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + ".%03dZ" % (moment % 1 * 1000)
        line = {"timestamp": stamp, "log_level": "ERROR"}
        line.update((name, error[name]) for name in ("errorMessage", "errorType", "requestId", "stackTrace"))
        print(json.dumps(line), flush=True)
        return
    # One error is one log event: its lines are joined by carriage returns, its indentation kept by no-break spaces.
    lines = ["[ERROR] %s: %s" % (error["errorType"], error["errorMessage"])]
    lines.append("Traceback (most recent call last):")
    for frame in error["stackTrace"]:
        for line in frame.splitlines():
            text = line.lstrip(" ")
            lines.append("\u00a0" * (len(line) - len(text)) + text)
    print("\r".join(lines), flush=True)
