"""`make invoke`: one event through one function of the running local stage; prints what the function answered."""

import argparse
import json
import sys
from pathlib import Path

import requests

from local.template import ROOT

RUNNING = ROOT / ".local" / "running.json"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("function", help="its name in template.yaml, such as BookingsApi")
    parser.add_argument("event", type=Path, help="a file of events/")
    asked = parser.parse_args()
    if not RUNNING.exists():
        print("the local stage is not running: make run", file=sys.stderr)
        return 1
    address = json.loads(RUNNING.read_text())["invoke"]
    answer = requests.post(
        f"{address}/2015-03-31/functions/{asked.function}/invocations", data=asked.event.read_bytes(), timeout=900
    )
    if answer.status_code == 404:
        print(f"template.yaml has no function {asked.function}", file=sys.stderr)
        return 1
    print(json.dumps(answer.json(), indent=2, ensure_ascii=False))
    return 1 if "x-amz-function-error" in answer.headers else 0


if __name__ == "__main__":
    sys.exit(main())
