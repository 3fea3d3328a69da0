"""A Lambda runtime client: asks the stage for the next event, calls the handler, answers. One event at a time.

Runs as a script in a function's own process, so it imports nothing but the standard library and the handler.
"""

import ctypes
import http.client
import importlib
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from email.message import Message
from typing import Any

VERSION = "2018-06-01"


class Context:
    """What Lambda hands to a handler beside the event."""

    def __init__(self, headers: Message) -> None:
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = "$LATEST"
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = self.log_stream_name = self.function_name
        self.identity = self.client_context = None
        self._deadline = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self._deadline - int(time.time() * 1000))


class RuntimeApi:
    """One kept-alive connection to the stage."""

    def __init__(self, address: str) -> None:
        host, _, prefix = address.partition("/")
        self._connection = http.client.HTTPConnection(host)
        self._base = f"/{prefix}/{VERSION}/runtime" if prefix else f"/{VERSION}/runtime"

    def next(self) -> tuple[Message, bytes] | None:
        """The next event with its headers, or nothing when the stage is closing."""
        self._connection.request("GET", f"{self._base}/invocation/next")
        answer = self._connection.getresponse()
        body = answer.read()
        return (answer.headers, body) if answer.status == 200 else None

    def post(self, path: str, body: bytes) -> None:
        self._connection.request("POST", f"{self._base}/{path}", body, {"Content-Type": "application/json"})
        self._connection.getresponse().read()


def described(error: BaseException) -> bytes:
    """The error as Lambda reports it: the class's own name, so that a state machine can catch it."""
    trace = traceback.format_tb(error.__traceback__)[1:]
    report = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": trace}
    print(json.dumps({"level": "ERROR", "message": "the handler raised", **report}), flush=True)
    return json.dumps(report).encode()


def handle(handler: Callable[[Any, Context], Any], headers: Message, body: bytes) -> tuple[str, bytes]:
    """Where to post what came of one event."""
    context = Context(headers)
    try:
        return f"invocation/{context.aws_request_id}/response", json.dumps(handler(json.loads(body), context)).encode()
    except Exception as error:  # noqa: BLE001 - a handler may raise anything; Lambda reports it and lives on
        return f"invocation/{context.aws_request_id}/error", described(error)


def main() -> int:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    module, _, name = os.environ["_HANDLER"].rpartition(".")
    try:
        handler = getattr(importlib.import_module(module), name)
    except BaseException as error:  # noqa: BLE001 - even SystemExit of an import is the function's failure, not ours
        api.post("init/error", described(error))
        return 1
    while work := api.next():
        api.post(*handle(handler, *work))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ConnectionError, http.client.HTTPException):
        sys.exit(0)  # the stage is gone, and so is the reason to live
