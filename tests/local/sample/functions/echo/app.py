"""Answers with what it was given, or misbehaves when told to."""

import json
import os
import time
from typing import Any


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    what = (event.get("queryStringParameters") or {}).get("do", "")
    if what == "raise":
        raise KeyError("boom")
    if what == "exit":
        os._exit(3)
    if what == "sleep":
        time.sleep(0.3)
    body = {"event": event, "pid": os.getpid(), "environment": dict(os.environ)}
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json"},
        "cookies": ["a=1", "b=2"],
        "body": json.dumps(body),
    }
