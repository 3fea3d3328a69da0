"""A kiosk as its own program would be: a clock of its own, a chained queue, stretches uploaded when there is a line."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import Any
from uuid import UUID

from studyspot.attendance import qr
from studyspot.kit import clock

from tests.attendance.door import Door
from tests.world import Answer


class OfflineKiosk:
    """`wrong` is how far its clock is ahead."""

    def __init__(self, door: Door, library: UUID | None = None, wrong: timedelta = timedelta()) -> None:
        self.door, self.wrong = door, wrong
        self.device = door.device(library=library)
        self.key = bytes.fromhex(self.roster().data["queueKey"])
        self.queue: list[dict[str, Any]] = []

    def roster(self) -> Answer:
        return self.door.world.call("attendance", "GET", "/attendance/roster", self.device["token"])

    def time(self) -> int:
        return int((clock.now() + self.wrong).timestamp() * 1000)

    def sees(self, student: UUID | None, code: str | None = None, card: bool = False, admitted: bool = True) -> None:
        """A phone's code, unless a card is shown."""
        if code is None and not card:
            assert student, "somebody shows a code"
            code = qr.issue_own(self.door.scene.tenant.id, student, clock.now()).code
        entry = {
            "sequence": len(self.queue) + 1,
            "previous": self.queue[-1]["mac"] if self.queue else "",
            "deviceTime": self.time(),
            "code": code,
            "studentId": str(student) if card else None,
            "admitted": admitted,
        }
        self.queue.append(self.signed(entry))

    def signed(self, entry: dict[str, Any]) -> dict[str, Any]:
        parts = (entry["previous"], entry["sequence"], entry["deviceTime"], entry["code"] or "",
                 entry["studentId"] or "", str(entry["admitted"]).lower())  # fmt: skip
        text = "\n".join(map(str, parts))
        return entry | {"mac": hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()}

    def upload(self, entries: list[dict[str, Any]]) -> Answer:
        body = {"sentAt": self.time(), "entries": entries}
        return self.door.world.call("attendance", "POST", "/attendance/sync", self.device["token"], body)
