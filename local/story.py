"""`python -m local.story`: the first day of a library, request by request, against a running stack.

Each request, its answer and its time are printed; the first answer that is not as promised ends the walk with 1.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

SHOWN = 180
PATIENCE_SECONDS = 30
ISOLATIONS = ("pool", "silo")


class NotAsPromised(Exception):
    """An answer lacks what the story says of it."""


@dataclass(frozen=True)
class Answer:
    """One answer; `data` is what the product wrapped."""

    status: int
    body: Any

    @property
    def data(self) -> Any:
        return self.body["data"] if isinstance(self.body, dict) and "data" in self.body else self.body

    def has(self, *names: str) -> Any:
        """Its data, once every one of these members is there."""
        return members(self.data, *names)


def members(thing: Any, *names: str) -> Any:
    """The thing, or NotAsPromised naming what it lacks."""
    lacking = [name for name in names if not isinstance(thing, Mapping) or name not in thing]
    if lacking:
        raise NotAsPromised(f"{', '.join(lacking)} is missing in {shortened(thing)}")
    return thing


def equal(found: Any, promised: Any, what: str) -> None:
    if found != promised:
        raise NotAsPromised(f"{what} is {found!r}, not {promised!r}")


@dataclass
class Day:
    """One library's day: where the product is, and what has become known so far."""

    url: str
    isolation: str
    admin: Mapping[str, str]
    say: Callable[[str], None] = print
    known: dict[str, Any] = field(default_factory=dict)
    session: requests.Session = field(default_factory=requests.Session)

    def __getitem__(self, name: str) -> Any:
        return self.known[name]

    def ask(
        self, method: str, path: str, body: Any = None, *, status: int = 200, token: str | None = None, **headers: str
    ) -> Answer:
        """One request; any other status than the promised one ends the story."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["Authorization"] = f"Bearer {self[token]}"
        if body is not None and not isinstance(body, bytes):
            body, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        full = path if path.startswith("/sandbox") else f"/api/v1{path}"
        began = time.perf_counter()
        got = self.session.request(method, self.url + full, data=body, headers=sent, timeout=60)
        took = (time.perf_counter() - began) * 1000
        is_json = "json" in got.headers.get("content-type", "")
        answer = Answer(got.status_code, got.json() if is_json else got.text)
        self.say(f"  {method:<6} {full:<58} {got.status_code} {took:7.1f} ms  {shortened(answer.data)}")
        if got.status_code != status:
            raise NotAsPromised(f"{method} {full} answered {got.status_code}, not {status}: {got.text[:600]}")
        return answer

    def until(self, look: Callable[[], Any], what: str) -> Any:
        """Ask again until there is something; what is asynchronous takes seconds at most."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if found := look():
                return found
            time.sleep(0.3)
        raise NotAsPromised(f"{what}: not within {PATIENCE_SECONDS} s")

    def mail(self, to: str, template: str | None = None) -> Any:
        """The newest message that left for this address."""
        channel = "email" if "@" in to else "sms"

        def look() -> Any:
            found = self.ask("GET", f"/sandbox/outbox?channel={channel}&to={to.removeprefix('+')}").data
            return next((m for m in found if template in (None, m["templateId"])), None)

        message = self.until(look, f"a message to {to}")
        return members(message, "id", "channel", "to", "templateId", "body", "at")


Step = Callable[[Day], None]


def walk(day: Day, steps: list[Step]) -> None:
    """Every step in order; the step's docstring is its line."""
    for number, step in enumerate(steps, 1):
        day.say(f"{number:2}. {(step.__doc__ or step.__name__).strip()}")
        step(day)


def shortened(thing: Any) -> str:
    text = thing if isinstance(thing, str) else json.dumps(thing, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def main() -> int:
    from local.first_day import STEPS

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--isolation", choices=ISOLATIONS, action="append", help="pool or silo; both unless given")
    parser.add_argument("--demo", type=Path, default=Path(".local/demo.json"), help="what make run told")
    asked = parser.parse_args()
    began = time.monotonic()
    try:
        demo = json.loads(asked.demo.read_text())
        url, admin = (os.environ.get("BASE_URL") or demo["baseUrl"]).rstrip("/"), demo["admin"]
        for isolation in asked.isolation or ISOLATIONS:
            print(f"\nThe first day of a library ({isolation}) at {url}")
            walk(Day(url, isolation, admin), STEPS)
    except (NotAsPromised, OSError, KeyError) as error:
        print(f"\nNOT AS PROMISED: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(f"\nevery step as promised, {time.monotonic() - began:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
