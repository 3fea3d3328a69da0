"""`make run`: the local stage in the foreground until Ctrl-C or SIGTERM."""

import argparse
import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path

import requests

from local import demo
from local.stage import Stage, reset, wait_for
from local.template import ROOT

HOME = ROOT / ".local"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=HOME, help="where the stage keeps its state")
    parser.add_argument("--reset", action="store_true", help="forget that state and end")
    asked = parser.parse_args()
    if asked.reset:
        reset(asked.home)
        return 0
    return run(asked.home, int(os.environ.get("PORT", "3000")))


def run(home: Path, port: int) -> int:
    """Start, say so, wait to be told to end."""
    began = time.monotonic()
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    try:
        stage = Stage(home, port, console=sys.stdout.buffer)
    except OSError as error:
        print(f"cannot start: {error}", file=sys.stderr)
        return 1
    with stage:
        world = demo.made_once(stage)
        if not wait_for(lambda: over.is_set() or healthy(stage.url), 30):
            print(f"GET {stage.url}/health does not answer 200; see {home / 'logs'}", file=sys.stderr)
            return 1
        if not over.is_set():
            announce(stage.url, world, time.monotonic() - began)
        over.wait()
        print("stopping", flush=True)
    return 0


def healthy(url: str) -> bool:
    with contextlib.suppress(requests.RequestException):
        return requests.get(f"{url}/health", timeout=10).status_code == 200
    return False


def announce(url: str, world: demo.World, seconds: float) -> None:
    """What a newcomer needs to know, once."""
    print(f"\nStudySpot is ready at {url} after {seconds:.1f} s")
    for path, what in (("/sandbox", "outbox, payments, clock, queues"), ("/docs", "the API"), ("/health", "health")):
        print(f"  {url + path:<40} {what}")
    for who in ("admin", "owner", "staff", "student"):
        if account := world.get(who):
            print(f"  {who:<8} {account['email']:<32} {account['password']}")
    print("  everything else: .local/demo.json - Ctrl-C stops\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
