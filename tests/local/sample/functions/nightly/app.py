"""A daily schedule's target."""

import json
import os
from pathlib import Path
from typing import Any


def handler(event: dict[str, Any], context: Any) -> None:
    with Path(os.environ["NOTES"]).open("a") as notes:
        notes.write(json.dumps({"nightly": event["time"]}) + "\n")
