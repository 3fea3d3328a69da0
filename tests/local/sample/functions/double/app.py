"""A queue's consumer, a machine's step, a schedule's target; each call leaves a line in the file NOTES names."""

import json
import os
from pathlib import Path
from typing import Any


class Busy(Exception):
    """Not now."""


class Refused(Exception):
    """Never."""


def note(**what: Any) -> None:
    with Path(os.environ["NOTES"]).open("a") as notes:
        notes.write(json.dumps(what) + "\n")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    if "Records" in event:
        return consume(event["Records"])
    note(**event)
    if event.get("raises") == "Busy":
        raise Busy("later")
    if event.get("raises") == "Refused":
        raise Refused("no")
    return {**event, "done": True}


def consume(records: list[dict[str, Any]]) -> dict[str, Any]:
    failures = []
    for record in records:
        note(message=record["body"], receives=record["attributes"]["ApproximateReceiveCount"])
        if record["body"] == "poison":
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
