# Runs what a user wrote for the analyzer: `preprocess_handler` for every captured record (lines of JSON in, a line with the rows of
# each out) or `postprocess_handler` once. What the script prints goes to standard error, which is the job's log.
import importlib.util
import inspect
import json
import logging
import math
import os
import re
import sys


class Fields(dict):
    """A captured object whose members are attributes, in Python's spelling and as captured."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self.get(name)


def fields(value):
    if isinstance(value, list):
        return [fields(one) for one in value]
    if not isinstance(value, dict):
        return value
    members = Fields()
    for name, member in value.items():
        members[name] = members[re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower()] = fields(member)
    return members


def record_of(line):
    captured = json.loads(line)
    data = captured.get("captureData", {})
    record = fields({**data, **{name: value for name, value in captured.items() if name != "captureData"}})
    record["event_data"] = fields(data)
    for name in ("endpoint_input", "endpoint_output", "batch_transform_output"):
        record.setdefault(name, None)
    return record


def rows_of(returned):
    if returned is None:
        return []
    rows = returned if isinstance(returned, list) else [returned]
    for row in rows:
        if not isinstance(row, dict):
            raise TypeError("preprocess_handler must return a dict, a list of dicts or [], not %s" % type(row).__name__)
    return [without_holes(row) for row in rows]


def without_holes(value):
    """JSON has neither NaN nor infinities: they are how Python's tables write what is not there."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: without_holes(member) for name, member in value.items()}
    return [without_holes(one) for one in value] if isinstance(value, (list, tuple)) else value


def load(path):
    sys.path.insert(0, os.path.dirname(path))
    specification = importlib.util.spec_from_file_location("user_script", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


answers, sys.stdout = sys.stdout, sys.stderr
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
handler_name, path = sys.argv[1:]
handler = getattr(load(path), handler_name, None)
if handler is None:
    sys.exit("%s has no function %s" % (path, handler_name))
takes_logger = len(inspect.signature(handler).parameters) > (1 if handler_name == "preprocess_handler" else 0)
extra = (logging.getLogger("user_script"),) if takes_logger else ()
if handler_name == "postprocess_handler":
    handler(*extra)
else:
    for line in sys.stdin:
        answers.write(json.dumps(rows_of(handler(record_of(line), *extra)), default=str) + "\n")
        answers.flush()
