"""CloudWatch Logs' subscriptions: lines that a filter lets through go to their function, in batches."""

import asyncio
import base64
import gzip
import json
import re
import threading
import time
from collections.abc import Mapping
from uuid import uuid4

from local.pool import FunctionPool
from local.template import Subscription

EVERY_SECONDS = 1.0
MOST = 2000
EQUALS = re.compile(r'\{\s*\$\.(\w+)\s*=\s*"([^"]*)"\s*\}')


class Subscriptions:
    """Lines are taken from any thread and delivered from the listener's loop."""

    def __init__(self, subscriptions: list[Subscription]) -> None:
        self._marks = {each.function: _mark(each.pattern) for each in subscriptions}
        self._waiting: dict[str, list[bytes]] = {function: [] for function in self._marks}
        self._lock = threading.Lock()

    def line(self, raw: bytes) -> None:
        """One line as a function wrote it."""
        for function, mark in self._marks.items():
            if mark in raw:
                with self._lock:
                    self._waiting[function].append(raw)

    async def deliver(self, pools: Mapping[str, FunctionPool]) -> None:
        """For as long as the stage runs. A batch that fails twice is lost, as it would be there in the end."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            for function in self._marks:
                while batch := self._take(function):
                    for _ in range(2):
                        if not (await pools[function].invoke(batch)).failed:
                            break

    def _take(self, function: str) -> bytes | None:
        with self._lock:
            lines, self._waiting[function] = self._waiting[function][:MOST], self._waiting[function][MOST:]
        if not lines:
            return None
        now = round(time.time() * 1000)
        events = [{"id": uuid4().hex, "timestamp": now, "message": line.decode()} for line in lines]
        data = {"messageType": "DATA_MESSAGE", "logGroup": "/studyspot/local", "logEvents": events}
        packed = base64.b64encode(gzip.compress(json.dumps(data).encode())).decode()
        return json.dumps({"awslogs": {"data": packed}}).encode()


def _mark(pattern: str) -> bytes:
    """The only filter the template uses: one member that equals a text, as the product's log writes it."""
    found = EQUALS.fullmatch(pattern.strip())
    if found is None:
        raise ValueError(f"the stage does not know the filter pattern {pattern}")
    return f'"{found[1]}":"{found[2]}"'.encode()
