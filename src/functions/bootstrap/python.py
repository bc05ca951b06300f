"""Runs one Python handler behind the Lambda Runtime API: one process, one invocation at a time.

What a handler can see follows AWS: the same names of errors, the same marshalling (simplejson's rules, without simplejson),
the same log lines. Only `Exception` is caught: SystemExit and KeyboardInterrupt end the process, as on AWS.
Started as: python.py EXTRAS_FOLDER
"""

import decimal
import http.client
import importlib
import json
import os
import sys
import time
import traceback
from json.encoder import encode_basestring, encode_basestring_ascii

from scones_logging import RequestIdFilter, log_error, set_up_logging

API = "/2018-06-01/runtime"
TASK_ROOT = os.environ["LAMBDA_TASK_ROOT"]
BOOTSTRAP = os.path.abspath(__file__)
# Up to python3.11 AWS escapes everything outside ASCII; from python3.12 on it does not.
ESCAPE = (
    encode_basestring_ascii
    if os.environ.get("AWS_EXECUTION_ENV", "").rpartition(".")[2] in ("6", "7", "8", "9", "10", "11")
    else encode_basestring
)


class Fault(Exception):
    """An error of the runtime itself: its type has a prefix, and it shows no frames of the bootstrap."""

    def __init__(self, kind, message, trace=()):
        super().__init__(message)
        self.kind = kind
        self.trace = list(trace)


# ---------------------------------------------------------------- marshalling


def marshal(value):
    """The bytes of a result and their content type: bytes pass through, everything else becomes JSON."""
    if isinstance(value, bytes):
        return value, "application/unknown"
    try:
        parts = []
        encode(value, parts.append, set())
        return "".join(parts).encode("utf-8", "surrogatepass"), "application/json"
    except Exception as error:
        raise Fault("Runtime.MarshalError", "Unable to marshal response: %s" % error) from None


def encode(value, write, parents):
    if isinstance(value, str):
        write(ESCAPE(value))
    elif isinstance(value, bytes):
        write(ESCAPE(value.decode("utf-8")))
    elif value is None:
        write("null")
    elif value is True:
        write("true")
    elif value is False:
        write("false")
    elif isinstance(value, int):
        write(int.__repr__(value))
    elif isinstance(value, float):
        write(number(value))
    elif isinstance(value, decimal.Decimal):
        write(str(value))
    else:
        encode_container(value, write, parents)


def encode_container(value, write, parents):
    if id(value) in parents:
        raise ValueError("Circular reference detected")
    parents.add(id(value))
    if isinstance(value, list):
        encode_items(value, write, parents)
    elif callable(getattr(value, "_asdict", None)) and not isinstance(value, type):
        encode_members(value._asdict(), write, parents)  # a named tuple is an object
    elif isinstance(value, tuple):
        encode_items(value, write, parents)
    elif isinstance(value, dict):
        encode_members(value, write, parents)
    else:
        raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)
    parents.discard(id(value))


def encode_items(items, write, parents):
    separator = "["
    for item in items:
        write(separator)
        encode(item, write, parents)
        separator = ", "
    write("]" if separator == ", " else "[]")


def encode_members(members, write, parents):
    separator = "{"
    for key, value in members.items():
        write(separator)
        write(ESCAPE(name_of(key)))
        write(": ")
        encode(value, write, parents)
        separator = ", "
    write("}" if separator == ", " else "{}")


def name_of(key):
    if isinstance(key, str):
        return key
    if isinstance(key, bytes):
        return key.decode("utf-8")
    if isinstance(key, bool):
        return "true" if key else "false"
    if key is None:
        return "null"
    if isinstance(key, int):
        return int.__repr__(key)
    if isinstance(key, float):
        return number(key)
    if isinstance(key, decimal.Decimal):
        return str(key)
    raise TypeError("keys must be str, int, float, bool or None, not %s" % type(key).__name__)


def number(value):
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    return float.__repr__(value)


# --------------------------------------------------------------------- errors


def error_of(error, request_id):
    if isinstance(error, Fault):
        kind, trace = error.kind, error.trace
    else:
        kind, trace = type(error).__name__, frames_of(error)
    return {"errorMessage": str(error), "errorType": kind, "requestId": request_id, "stackTrace": trace}


def frames_of(error):
    # As plain tuples, so that newer Pythons draw no carets under the source line: AWS shows none.
    frames = [(f.filename, f.lineno, f.name, f.line) for f in traceback.extract_tb(error.__traceback__)]
    while frames and (frames[0][0] == BOOTSTRAP or frames[0][0].startswith("<frozen importlib")
                      or os.path.basename(os.path.dirname(frames[0][0])) == "importlib"):
        frames.pop(0)
    return traceback.format_list([(shown(f[0]),) + f[1:] for f in frames])


def shown(path):
    """The path as AWS shows it, also where the code could not be mounted on /var/task."""
    if path and path.startswith(TASK_ROOT + os.sep):
        return "/var/task" + path[len(TASK_ROOT):]
    return path


# -------------------------------------------------------------------- handler


def load_handler(name):
    try:
        module_name, function_name = name.rsplit(".", 1)
    except ValueError as error:
        raise Fault("Runtime.MalformedHandlerName", "Bad handler '%s': %s" % (name, error)) from None
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise Fault(
            "Runtime.BuiltInModuleConflict", "Cannot use built-in module %s as a handler module" % module_name
        )
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        message = "Unable to import module '%s': %s" % (module_name, error)
        raise Fault("Runtime.ImportModuleError", message) from None
    except SyntaxError as error:
        frame = '  File "%s" Line %s\n    %s' % (shown(error.filename), error.lineno, error.text)
        message = "Syntax error in module '%s': %s" % (module_name, error)
        raise Fault("Runtime.UserCodeSyntaxError", message, [frame]) from None
    try:
        return getattr(module, function_name)
    except AttributeError:
        message = "Handler '%s' missing on module '%s'" % (function_name, module_name)
        raise Fault("Runtime.HandlerNotFound", message) from None


class ClientContext:
    def __init__(self, document):
        self.custom = document.get("custom")
        self.env = document.get("env")
        client = document.get("client")
        self.client = None if client is None else Client(client)


class Client:
    def __init__(self, document):
        for name in ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"):
            setattr(self, name, document.get(name))


class Identity:
    def __init__(self, document):
        self.cognito_identity_id = document.get("cognitoIdentityId")
        self.cognito_identity_pool_id = document.get("cognitoIdentityPoolId")


class LambdaContext:
    def __init__(self, headers):
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        client_context = headers.get("Lambda-Runtime-Client-Context")
        self.client_context = ClientContext(json.loads(client_context)) if client_context else None
        self.identity = Identity(json.loads(headers.get("Lambda-Runtime-Cognito-Identity") or "{}"))
        self._deadline_ms = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self):
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message):
        sys.stdout.write(str(message))


# ---------------------------------------------------------------- runtime API


class RuntimeApi:
    def __init__(self, address):
        self.connection = http.client.HTTPConnection(address)

    def call(self, method, path, body=None, headers=None):
        try:
            self.connection.request(method, API + path, body, headers or {})
            answer = self.connection.getresponse()
            return answer, answer.read()
        except (OSError, http.client.HTTPException):
            os._exit(1)  # whoever asks for results is gone: so is the reason to run

    def next(self):
        return self.call("GET", "/invocation/next")

    def respond(self, request_id, body, content_type):
        self.call("POST", "/invocation/%s/response" % request_id, body, report({"Content-Type": content_type}))

    def fail(self, path, error):
        headers = report({"Content-Type": "application/json", "Lambda-Runtime-Function-Error-Type": error["errorType"]})
        self.call("POST", path, json.dumps(error).encode("utf-8"), headers)


def report(headers):
    """Adds the peak of memory so far, for the REPORT line."""
    try:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        headers["Scones-Max-Memory-Kb"] = str(peak // 1024 if sys.platform == "darwin" else peak)
    except ImportError:
        pass
    return headers


def end_if_too_large():
    # On AWS a function that uses more than its memory is killed; here the kernel refused it more, which Python tells as an error.
    try:
        import resource
    except ImportError:
        return
    used_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if used_kb >= int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]) * 1024:
        os.kill(os.getpid(), 9)


def serve(api, handler):
    while True:
        answer, body = api.next()
        if answer.status != 200:
            os._exit(1)
        request_id = answer.headers["Lambda-Runtime-Aws-Request-Id"]
        RequestIdFilter.request_id = request_id
        trace_id = answer.headers.get("Lambda-Runtime-Trace-Id")
        if trace_id:
            os.environ["_X_AMZN_TRACE_ID"] = trace_id
        try:
            result, content_type = marshal(handler(unmarshal(answer, body), LambdaContext(answer.headers)))
        except Exception as error:
            if isinstance(error, MemoryError):
                end_if_too_large()
            document = error_of(error, request_id)
            log_error(document)
            flush()
            api.fail("/invocation/%s/error" % request_id, document)
        else:
            flush()
            api.respond(request_id, result, content_type)


def unmarshal(answer, body):
    if answer.headers.get_content_type() != "application/json":
        return body
    try:
        return json.loads(body)
    except Exception as error:
        raise Fault("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % error) from None


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass  # the handler closed it


def main():
    extras = sys.argv[1]
    import scones_endpoint

    scones_endpoint.install()
    # The code comes first; what we lend (a small `sagemaker`) comes last, so that a package of the user's own wins.
    sys.path[:] = [TASK_ROOT] + [entry for entry in sys.path if os.path.abspath(entry) != os.path.dirname(BOOTSTRAP)]
    sys.path.append(extras)
    sys.argv[:] = [BOOTSTRAP]
    set_up_logging(frames_of)
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = load_handler(os.environ["_HANDLER"])
    except Exception as error:
        document = error_of(error, "")
        log_error(document)
        flush()
        api.fail("/init/error", document)
        sys.exit(1)
    serve(api, handler)


if __name__ == "__main__":
    main()
